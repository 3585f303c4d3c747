//! Along the path: regulated pure pursuit, and the look ahead that slows down in time.

mod outlook;
mod pursuit;
mod turning;

pub use outlook::{Outlook, SpeedLimit};
pub use pursuit::{Follower, Steering};
pub use turning::{Turning, turning};
