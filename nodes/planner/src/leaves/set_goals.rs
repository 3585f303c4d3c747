use crate::GOAL_LIMIT;
use crate::navigator::Navigator;
use outrider_bt::{BtError, Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status};
use outrider_foundation::Pose2;

/// Farthest that a pose may be from the origin, m.
const MOST_M: f64 = 1e5;

/// Drives to other poses than the one that was sent.
struct SetGoals;

/// Adds what is here.
pub fn register(registry: &mut Registry<Navigator>) {
    registry.leaf(manifest(), make);
}

/// What trees may say of it.
fn manifest() -> Manifest {
    Manifest::new(
        "SetGoals",
        Class::Action,
        "Makes these poses the goals: those before the last are passed, the last one is driven to. They are in the frame of the \
         goal that was sent, which is the goal again when no pose is given.",
        "<SetGoals poses=\"1.0,2.0,0.0; 4.0,2.0,1.57\"/>",
    )
    .ports([
        Port::input("then_sent", Kind::Bool, "the goal that was sent comes after them").or("false"),
        Port::input("poses", Kind::Text, "x, y in m and heading in rad, with commas; semicolons between poses").or(""),
    ])
}

/// Makes one.
fn make(io: &mut Io<'_>) -> Result<Box<dyn Leaf<Navigator>>, Fault> {
    if io.is_constant("poses") {
        poses(&io.text("poses")?)?;
    }
    Ok(Box::new(SetGoals))
}

fn refused(message: String) -> Fault {
    Box::new(BtError::Value(message))
}

fn pose(text: &str) -> Result<Pose2, Fault> {
    let wrong = || refused(format!("`{text}` is no pose: x,y,heading in m and rad"));
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse::<f64>()).collect();
    match numbers.map_err(|_| wrong())?.as_slice() {
        [x_m, y_m, yaw_rad] if [x_m, y_m, yaw_rad].iter().all(|v| v.abs() <= MOST_M) => {
            Ok(Pose2::new(*x_m, *y_m, *yaw_rad))
        }
        _ => Err(wrong()),
    }
}

fn poses(text: &str) -> Result<Vec<Pose2>, Fault> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let poses = parts.map(pose).collect::<Result<Vec<_>, _>>()?;
    if poses.len() > GOAL_LIMIT {
        return Err(refused(format!("{} poses; at most {GOAL_LIMIT} are allowed", poses.len())));
    }
    Ok(poses)
}

impl Leaf<Navigator> for SetGoals {
    fn tick(&mut self, io: &mut Io<'_>, navigator: &mut Navigator) -> Result<Status, Fault> {
        let mut poses = if io.has("poses") { poses(&io.text("poses")?)? } else { Vec::new() };
        if io.boolean("then_sent")? {
            poses.extend(navigator.sent_goal());
        }
        Ok(if navigator.set_goals(&poses) { Status::Success } else { Status::Failure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poses_are_told_or_refused_with_what_is_wrong() {
        assert_eq!(poses(" 1, 2 ,0.5; -3,4,0;").unwrap().len(), 2);
        assert_eq!(poses("").unwrap(), Vec::new());
        for wrong in ["1,2", "1,2,3,4", "a,2,3", "1,2,nan", "1e9,0,0"] {
            assert!(poses(wrong).unwrap_err().to_string().contains("is no pose"), "{wrong}");
        }
        assert!(poses(&"1,2,3;".repeat(GOAL_LIMIT + 1)).unwrap_err().to_string().contains("at most 1000"));
    }
}
