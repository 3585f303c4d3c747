//! What a scenario or `sim.yaml` may add to a world: actors with a behaviour, doors, and changes over time.

mod actors;
mod doors;
mod events;
mod places;

pub use actors::{ActorKind, ActorSpec, Begin, Behaviour, PersonSize, VehicleSize};
pub use doors::{DoorKind, DoorSpec, DoorStep};
pub use events::EventSpec;
pub(crate) use events::Timeline;
pub use places::{FloorPatch, Surface, SurfaceKind};

use garde::Validate;
use outrider_foundation::Point2;

/// The most actors with a behaviour; a group counts once for every member.
pub const ACTOR_LIMIT: usize = 64;
/// The most doors.
pub const DOOR_LIMIT: usize = 32;
/// The most events.
pub const EVENT_LIMIT: usize = 64;
/// The most entries of `surfaces`.
pub const SURFACE_LIMIT: usize = 64;
/// The most slippery places.
pub const PATCH_LIMIT: usize = 64;
/// The most waypoints of an actor.
pub const WAYPOINT_LIMIT: usize = 64;
/// Coordinates beyond this are refused, in m.
const PLACE_LIMIT_M: f64 = 1000.0;

/// `[x, y]` in m.
fn place(xy: &[f64], _: &()) -> garde::Result {
    match xy.iter().find(|v| !v.is_finite() || v.abs() > PLACE_LIMIT_M) {
        Some(bad) => {
            Err(garde::Error::new(format!("{bad} is not within [-{PLACE_LIMIT_M}, {PLACE_LIMIT_M}]")))
        }
        None => Ok(()),
    }
}

#[allow(clippy::ref_option, reason = "garde wants it so")]
fn maybe_place(xy: &Option<[f64; 2]>, context: &()) -> garde::Result {
    xy.as_ref().map_or(Ok(()), |xy| place(xy, context))
}

pub(crate) fn point(xy: [f64; 2]) -> Point2 {
    Point2::new(xy[0], xy[1])
}

/// Checks a list of specifications and that no two have the same name.
pub(crate) fn named<T: Validate<Context = ()>>(
    list: &[T],
    name: impl Fn(&T) -> &str,
    limit: usize,
) -> garde::Result {
    if list.len() > limit {
        return Err(garde::Error::new(format!("{}, more than the limit of {limit}", list.len())));
    }
    let names: Vec<&str> = list.iter().map(name).collect();
    let twice = names.iter().enumerate().find(|(i, n)| names.iter().take(*i).any(|other| other == *n));
    match twice {
        Some((_, n)) => Err(garde::Error::new(format!("the name `{n}` is taken twice"))),
        None => Ok(()),
    }
}
