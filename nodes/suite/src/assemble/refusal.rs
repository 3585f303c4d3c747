//! What a core refuses: told with the file that it is about, and with the line of the key that the error begins with.

use super::{AssembleError, ZONES};
use crate::scenario::Template;
use outrider_planner::PlannerError;
use outrider_runtime::Resources;

/// The error of a core about one of its files.
pub(super) fn refusal(node: &str, resources: &Resources, role: &str, message: String) -> AssembleError {
    let (text, origin) = resources.get(node, role).unwrap_or(("", role));
    let keys: Vec<&str> = key(&message).split('.').collect();
    // What settings have changed is one long line that nobody has written.
    if keys.len() > 1
        && !text.starts_with('{')
        && let Ok(template) = Template::parse(origin, text.to_owned())
    {
        return template.refusal(&keys, None, &message);
    }
    AssembleError::Refused { origin: origin.to_owned(), message }
}

/// The key that a message begins with, behind `configuration: ` where it says so: `follow.cruise_mps` of
/// `follow.cruise_mps: 1.9 is not within [0, 1]`.
fn key(message: &str) -> &str {
    let message = message.split_once("configuration: ").map_or(message, |(_, behind)| behind);
    let end = message.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
    message.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The file that an error of the planner is about.
pub(super) fn role_of_planner(error: &PlannerError) -> String {
    match error {
        PlannerError::Tree(_) => "tree".to_owned(),
        PlannerError::NamedTree { name, .. } => format!("{}{name}", super::NAMED_TREE),
        PlannerError::Zone(_) => ZONES.to_owned(),
        PlannerError::Config { .. }
        | PlannerError::Key { .. }
        | PlannerError::Invalid(_)
        | PlannerError::NoPolicy(_) => "config".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::{Files, assemble, read_resources};
    use std::path::Path;

    /// What is said of files in which a text is another one, with a file that is added.
    fn refused(node: &str, role: &str, was: &str, is: &str) -> String {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        let mut resources = read_resources(node, &Files::new(config)).unwrap();
        let (text, origin) = resources.get(node, role).unwrap();
        assert!(text.contains(was), "{origin}");
        let (text, origin) = (text.replacen(was, is, 1), origin.to_owned());
        resources.insert(role, text, origin);
        let error = assemble(node, resources, 1).map(drop).unwrap_err().to_string();
        error.split_once("/config/").unwrap().1.to_owned()
    }

    /// Number of the line that begins with this, of a file in the configuration folder.
    fn line(file: &str, begins: &str) -> usize {
        let text = match file {
            "planner.yaml" => include_str!("../../../../config/planner.yaml"),
            _ => include_str!("../../../../config/world_model.yaml"),
        };
        text.lines().position(|line| line.trim_start().starts_with(begins)).unwrap() + 1
    }

    #[test]
    fn what_the_planner_refuses_is_told_with_its_file_and_line() {
        for (was, is, key, why) in [
            ("  cruise_mps: 0.9", "  cruise_mps: 1.9", "follow.cruise_mps", "1.9 is not within [0, 1]"),
            ("  steps: 56", "  steps: 54", "mppi.steps", "54 is not within the multiples of 4"),
            ("  source: topic", "  source: oracle", "external.source", "`oracle` is neither"),
            (
                "  through_poses_tree: through_poses.xml",
                "  through_poses_tree: patrol.xml",
                "mission.through_poses_tree",
                "the tree `patrol.xml` has no RemovePassedGoals",
            ),
        ] {
            let at = line("planner.yaml", was.trim_start());
            let error = refused("planner", "config", was, is);
            assert!(error.starts_with(&format!("planner.yaml: line {at}: {key}: {why}")), "{error}");
        }
    }

    #[test]
    fn what_the_world_model_and_assurance_refuse_is_told_with_the_line_too() {
        let at = line("world_model.yaml", "radius_m: 0.8");
        let error = refused("world_model", "config", "  radius_m: 0.8", "  radius_m: 0.1");
        let said = format!("world_model.yaml: line {at}: inflation.radius_m: 0.1 is not within");
        assert!(error.starts_with(&said), "{error}");
        assert_eq!(
            key("assurance configuration: margins.creep_m: 1 is not within [0, 0.5]"),
            "margins.creep_m"
        );
    }

    /// The line of another section would send its reader there.
    #[test]
    fn a_key_that_is_left_out_is_told_with_the_line_of_its_own_section() {
        let text = "a:\n  y: 1\n\n  # x: 0\n  c: {x: 5}\nb:\n  x: 2\nlist:\n- path: 3\n  x: 4\n";
        let template = Template::parse("f.yaml", text.to_owned()).unwrap();
        let line = |keys: &[&str]| template.refusal(keys, None, "wrong").to_string();
        assert_eq!(line(&["a", "x", "z"]), "f.yaml: line 5: wrong");
        assert_eq!(line(&["a", "n"]), "f.yaml: line 1: wrong");
        assert_eq!(line(&["b", "x"]), "f.yaml: line 7: wrong");
        assert_eq!(line(&["b", "path"]), "f.yaml: line 6: wrong");
        assert_eq!(line(&["list", "x"]), "f.yaml: line 10: wrong");
    }

    #[test]
    fn what_is_wrong_with_a_tree_is_told_with_that_tree() {
        for (role, file) in [("tree", "navigate_to_pose.xml"), ("tree/patrol.xml", "patrol.xml")] {
            let error = refused("planner", role, "<GoalReached/>", "<Nothing/>");
            assert!(error.starts_with(&format!("trees/{file}: behaviour tree")), "{error}");
            assert!(error.contains("Nothing") && !error.contains("planner.yaml"), "{error}");
        }
    }
}
