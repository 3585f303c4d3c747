//! Plain CDR (OMG DDS-RTPS 2.5, clause 10; XCDR version 1) as ROS 2's default middlewares use it.

use crate::Message;
use byteorder::{BigEndian, LittleEndian};

/// Representation identifier and options of plain little-endian CDR.
const HEADER_LE: [u8; 4] = [0, 1, 0, 0];
/// RTPS pads a payload to this many bytes. We do so ourselves, so that a message has the same bytes, and the same digest,
/// before and after it has been on the wire.
const ALIGNMENT: usize = 4;
/// Up to this many bytes may follow a message.
const TRAILING_LIMIT: usize = ALIGNMENT - 1;

/// Why bytes are no such message, or a message no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// No header.
    #[error("{type_name}: {length} bytes are too few for a CDR header")]
    TooShort {
        /// Expected type.
        type_name: &'static str,
        /// Bytes there are.
        length: usize,
    },
    /// Another representation than plain CDR.
    #[error("{type_name}: representation identifier {identifier:#06x} is not plain CDR")]
    Representation {
        /// Expected type.
        type_name: &'static str,
        /// First two bytes.
        identifier: u16,
    },
    /// The content does not fit the type.
    #[error("{type_name}: {reason}")]
    Content {
        /// Expected type.
        type_name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More bytes than the type takes.
    #[error("{type_name}: {surplus} bytes are left over at offset {offset}")]
    Surplus {
        /// Expected type.
        type_name: &'static str,
        /// Where they begin.
        offset: usize,
        /// How many.
        surplus: usize,
    },
}

/// A message as bytes, header first.
///
/// # Errors
/// When a sequence is longer than 32 bits can tell.
pub fn encode<T: Message>(message: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    encode_into(message, &mut bytes)?;
    Ok(bytes)
}

/// As [`encode`], into a buffer whose former content is lost.
///
/// # Errors
/// As [`encode`].
pub fn encode_into<T: Message>(message: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    bytes.clear();
    bytes.extend_from_slice(&HEADER_LE);
    let content = cdr_encoding::to_writer::<T, LittleEndian, _>(&mut *bytes, message);
    content.map_err(|e| CodecError::Content { type_name: T::TYPE_NAME, reason: e.to_string() })?;
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    Ok(())
}

/// A message from bytes with their header, of either byte order.
///
/// # Errors
/// When the header is not plain CDR, or the content does not fit the type exactly.
pub fn decode<T: Message>(bytes: &[u8]) -> Result<T, CodecError> {
    let type_name = T::TYPE_NAME;
    let Some((&[first, second, _, _], content)) = bytes.split_first_chunk::<4>() else {
        return Err(CodecError::TooShort { type_name, length: bytes.len() });
    };
    let result = match (first, second) {
        (0, 1) => cdr_encoding::from_bytes::<T, LittleEndian>(content),
        (0, 0) => cdr_encoding::from_bytes::<T, BigEndian>(content),
        _ => {
            let identifier = u16::from_be_bytes([first, second]);
            return Err(CodecError::Representation { type_name, identifier });
        }
    };
    let (message, used) = result.map_err(|e| CodecError::Content { type_name, reason: e.to_string() })?;
    let surplus = content.len().saturating_sub(used);
    if surplus > TRAILING_LIMIT {
        return Err(CodecError::Surplus { type_name, offset: used + HEADER_LE.len(), surplus });
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{definition_of, nav_msgs, outrider_msgs, sensor_msgs, std_msgs};
    use proptest::prelude::*;

    #[test]
    fn every_message_survives_the_round_trip() {
        let scan = sensor_msgs::LaserScan { ranges: vec![1.0, f32::INFINITY], ..Default::default() };
        assert_eq!(decode::<sensor_msgs::LaserScan>(&encode(&scan).unwrap()).unwrap(), scan);
        let grid =
            outrider_msgs::Grid { cost: vec![1, 2, 3], distance_sq: vec![9, 65535], ..Default::default() };
        assert_eq!(decode::<outrider_msgs::Grid>(&encode(&grid).unwrap()).unwrap(), grid);
        let odometry = nav_msgs::Odometry::default();
        assert_eq!(decode::<nav_msgs::Odometry>(&encode(&odometry).unwrap()).unwrap(), odometry);
    }

    #[test]
    fn bytes_are_padded_as_on_the_wire() {
        assert_eq!(encode(&std_msgs::Bool { data: true }).unwrap(), [0, 1, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let short = decode::<std_msgs::Bool>(&[0, 1]).unwrap_err();
        assert_eq!(short.to_string(), "std_msgs/msg/Bool: 2 bytes are too few for a CDR header");
        let other = decode::<std_msgs::Bool>(&[0, 7, 0, 0, 1]).unwrap_err();
        assert_eq!(other.to_string(), "std_msgs/msg/Bool: representation identifier 0x0007 is not plain CDR");
        let long = decode::<std_msgs::Bool>(&[0, 1, 0, 0, 1, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(long.to_string(), "std_msgs/msg/Bool: 4 bytes are left over at offset 5");
    }

    #[test]
    fn a_claim_of_four_gigabytes_is_an_error_not_an_allocation() {
        let mut bytes = encode(&sensor_msgs::LaserScan::default()).unwrap();
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(decode::<sensor_msgs::LaserScan>(&bytes), Err(CodecError::Content { .. })));
    }

    #[test]
    fn definitions_carry_their_dependencies() {
        let text = definition_of("nav_msgs/msg/Odometry").unwrap();
        let names: Vec<_> = text.lines().filter_map(|l| l.strip_prefix("MSG: ")).collect();
        for name in ["std_msgs/Header", "builtin_interfaces/Time", "geometry_msgs/Quaternion"] {
            assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name} in {names:?}");
        }
        assert_eq!(definition_of("no_msgs/msg/Such"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode::<outrider_msgs::WorldModel>(&bytes);
            let mut with_header = vec![0, 1, 0, 0];
            with_header.extend_from_slice(&bytes);
            let _ = decode::<outrider_msgs::WorldModel>(&with_header);
            let _ = decode::<outrider_msgs::Permit>(&with_header);
            let _ = decode::<sensor_msgs::LaserScan>(&with_header);
        }
    }
}
