//! Rust structs of the ROS messages that Outrider speaks, generated from their `.msg` files, and their one encoding.
//!
//! Live, bag and replay share [`encode`] and [`decode`]: plain CDR, little endian, behind the four-byte header of RTPS.
//! Messages of other types are taken apart by the definition that comes with them ([`Schema`]).
//! This crate never knows topics, nodes or what a message is used for.

mod cdr;
mod codec;
mod schema;

pub use cdr::{Cdr, Misfit, Reader, Writer};
pub use codec::{
    CodecError, decode, decode_without_cells, decode_without_records, encode, encode_into, encode_with_cells,
};
pub use schema::{FieldMisfit, Head, Path, Schema, Tree, Value};

/// A generated message.
pub trait Message: Cdr + serde::Serialize + serde::de::DeserializeOwned {
    /// Full name, as `sensor_msgs/msg/LaserScan`.
    const TYPE_NAME: &'static str;
    /// The text of its definition and of everything it contains, as `ros2msg` schemas have it.
    const DEFINITION: &'static str;
}

/// The full definition of a message that this crate knows.
pub fn definition_of(type_name: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|(name, _)| *name == type_name).map(|(_, definition)| *definition)
}

#[allow(clippy::all, unused_qualifications, missing_docs, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}
pub use generated::*;
