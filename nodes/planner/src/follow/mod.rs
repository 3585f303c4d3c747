//! Along the path: regulated pure pursuit, and the look ahead that slows down in time.

mod outlook;
mod profile;
mod pursuit;
mod speed_zones;
mod turning;

pub use outlook::{BESIDE_M, Outlook, SpeedLimit};
pub use profile::{Axis, Profile};
pub use pursuit::{Follower, Steering};
pub use speed_zones::SpeedZones;
pub use turning::{Turning, turning};
