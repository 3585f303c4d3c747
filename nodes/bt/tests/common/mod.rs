//! A tree of scripted leaves in a few letters.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use outrider_bt::trace::{Script, Stage, registry};
use outrider_bt::{BtError, NodeInfo, Registry, Status, Tree};
use outrider_foundation::Instant;

/// `<a/>` to `<o/>` stand for actions of these names, `<p/>` to `<z/>` for conditions.
pub fn expand(body: &str) -> String {
    let mut out = body.to_owned();
    for letter in 'a'..='z' {
        let kind = if letter < 'p' { "Leaf" } else { "Check" };
        for end in ["/>", " "] {
            out = out.replace(&format!("<{letter}{end}"), &format!("<{kind} name=\"{letter}\"{end}"));
        }
    }
    out
}

/// The root element around the body of the main tree.
pub fn wrap(body: &str) -> String {
    let body = expand(body);
    format!(
        "<root BTCPP_format=\"4\" main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\">{body}</BehaviorTree></root>"
    )
}

/// Statuses of leaves, `a=rsf b=k`: running, success, failure, skipped; one for every tick of the leaf.
pub fn script(leaves: &str) -> Script {
    let mut script = Script::default();
    for leaf in leaves.split_whitespace() {
        let (name, statuses) = leaf.split_once('=').unwrap();
        let status = |c| match c {
            'r' => Status::Running,
            's' => Status::Success,
            'f' => Status::Failure,
            'k' => Status::Skipped,
            other => panic!("{other} is no status"),
        };
        script = script.with(name, &statuses.chars().map(status).collect::<Vec<_>>());
    }
    script
}

/// A tree with its leaves.
pub struct Bench {
    pub tree: Tree<Stage>,
    pub stage: Stage,
    pub ms: i64,
}

impl Bench {
    /// Of a whole file.
    pub fn file(xml: &str, leaves: &str) -> Self {
        Self::of(xml, &registry(), leaves)
    }

    /// Of a whole file with the nodes of a registry.
    pub fn of(xml: &str, registry: &Registry<Stage>, leaves: &str) -> Self {
        let tree = Tree::parse(xml, registry).unwrap();
        let stage = Stage::new(&tree, &script(leaves)).unwrap();
        Self { tree, stage, ms: 0 }
    }

    /// Of the body of a tree.
    pub fn new(body: &str, leaves: &str) -> Self {
        Self::file(&wrap(body), leaves)
    }

    fn name(&self, node: u32) -> String {
        self.tree.nodes().nth(node as usize).unwrap().0.name.clone()
    }

    /// The root's status as a letter, the leaves that were ticked, and with `!` those that were halted.
    pub fn tick(&mut self) -> String {
        self.stage.clear();
        let now = Instant::from_nanos(self.ms * 1_000_000);
        match self.tree.tick_exactly_once(now, &mut self.stage) {
            Ok(status) => {
                let mut out =
                    vec![status.name()[..1].replace('S', if status == Status::Skipped { "K" } else { "S" })];
                out.extend(self.stage.ticked.iter().map(|node| self.name(*node)));
                out.extend(self.stage.halted.iter().map(|node| format!("!{}", self.name(*node))));
                out.join(" ")
            }
            Err(_) => "error".to_owned(),
        }
    }

    /// A tick at a time, ms.
    pub fn tick_at(&mut self, ms: i64) -> String {
        self.ms = ms;
        self.tick()
    }

    /// So many ticks.
    pub fn run(&mut self, ticks: usize) -> Vec<String> {
        (0..ticks).map(|_| self.tick()).collect()
    }

    /// What went wrong in one tick.
    pub fn error(&mut self) -> String {
        let now = Instant::from_nanos(self.ms * 1_000_000);
        self.tree.tick_exactly_once(now, &mut self.stage).unwrap_err().to_string()
    }

    /// Status of a node by its name.
    pub fn status(&self, name: &str) -> Status {
        let by_name = |(info, _): &(&NodeInfo, Status)| info.name == name;
        self.tree.nodes().find(by_name).unwrap().1
    }

    /// A number of the root's blackboard.
    pub fn number(&self, entry: &str) -> f64 {
        self.tree.blackboards().look(0, entry).unwrap().value.as_f64().unwrap()
    }

    /// A text of the root's blackboard.
    pub fn text(&self, entry: &str) -> String {
        self.tree.blackboards().look(0, entry).unwrap().value.as_text().unwrap().to_string()
    }
}

/// What a tree does, tick by tick.
pub fn run(body: &str, leaves: &str, ticks: usize) -> Vec<String> {
    Bench::new(body, leaves).run(ticks)
}

/// Why a file is refused.
pub fn refused(xml: &str) -> BtError {
    match Tree::parse(xml, &registry()) {
        Ok(_) => panic!("{xml} was accepted"),
        Err(error) => error,
    }
}

/// With enumerations.
pub fn registry_with_enums() -> Registry<Stage> {
    let mut registry = registry();
    registry.enumeration("RED", 1).enumeration("BLUE", 3);
    registry
}
