//! Plain CDR (OMG DDS-RTPS 2.5, clause 10; XCDR version 1) as ROS 2's default middlewares use it.

use crate::Message;
use crate::cdr::{HEADER_BYTES, Lent, Misfit, PADDING, Reader, Writer};

/// Representation identifier and options of plain little-endian CDR.
const HEADER_LE: [u8; HEADER_BYTES] = [0, 1, 0, 0];
/// Most messages fit into so many bytes.
const ROOM: usize = 256;
/// And those with a grid into so many more than its cells take.
const ROOM_BESIDES_CELLS: usize = 16_384;

/// Why bytes are no such message, or a message no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not fit the type.
    #[error("{type_name}: {misfit}")]
    Misfit {
        /// Expected type.
        type_name: &'static str,
        /// What is wrong, and where.
        misfit: Misfit,
    },
    /// A sequence or text is longer than 32 bits can tell.
    #[error("{type_name}: a sequence or text of more than {} elements", u32::MAX)]
    TooLong {
        /// Type of the message.
        type_name: &'static str,
    },
    /// Cells were given for a message that has no empty grid to take them.
    #[error("{type_name}: there is no empty grid for the cells")]
    NoGrid {
        /// Type of the message.
        type_name: &'static str,
    },
}

/// A message as bytes, header first.
///
/// # Errors
/// When a sequence is longer than 32 bits can tell.
pub fn encode<T: Message>(message: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(ROOM);
    encode_into(message, &mut bytes)?;
    Ok(bytes)
}

/// As [`encode`], for a message with a grid that has no cells yet: the bytes are those of the same message with these. Spares a
/// copy of all of them.
///
/// # Errors
/// As [`encode`]; and when the message has no grid, or one that has cells already.
pub fn encode_with_cells<T: Message>(
    message: &T,
    cost: &[u8],
    distance_sq: &[u16],
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(size_of_val(cost) + size_of_val(distance_sq) + ROOM_BESIDES_CELLS);
    encode_lending(message, &mut bytes, Lent { u8: Some(cost), u16: Some(distance_sq) })?;
    Ok(bytes)
}

/// As [`encode`], into a buffer whose former content is lost.
///
/// # Errors
/// As [`encode`].
pub fn encode_into<T: Message>(message: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    encode_lending(message, bytes, Lent::default())
}

fn encode_lending<T: Message>(message: &T, bytes: &mut Vec<u8>, lent: Lent<'_>) -> Result<(), CodecError> {
    bytes.clear();
    bytes.extend_from_slice(&HEADER_LE);
    let mut writer = Writer::new(bytes).lend(lent);
    message.write(&mut writer);
    if writer.too_long() {
        return Err(CodecError::TooLong { type_name: T::TYPE_NAME });
    }
    if !writer.all_written() {
        return Err(CodecError::NoGrid { type_name: T::TYPE_NAME });
    }
    bytes.resize(bytes.len().next_multiple_of(PADDING), 0);
    Ok(())
}

/// A message from bytes with their header, of either byte order.
///
/// # Errors
/// When the header is not plain CDR, or the content does not fit the type exactly.
pub fn decode<T: Message>(bytes: &[u8]) -> Result<T, CodecError> {
    read(bytes).map_err(|misfit| CodecError::Misfit { type_name: T::TYPE_NAME, misfit })
}

/// As [`decode`] for who has no use of a grid's cells: sequences of numbers of one or two bytes come out empty. That their
/// bytes are there is checked all the same.
///
/// # Errors
/// As [`decode`].
pub fn decode_without_cells<T: Message>(bytes: &[u8]) -> Result<T, CodecError> {
    let read = || read_from(Reader::open(bytes)?.without_cells());
    read().map_err(|misfit| CodecError::Misfit { type_name: T::TYPE_NAME, misfit })
}

/// As [`decode`] for who has no use of records in sequences: a sequence of anything but numbers comes out empty. That every record fits
/// is checked all the same.
///
/// # Errors
/// As [`decode`].
pub fn decode_without_records<T: Message>(bytes: &[u8]) -> Result<T, CodecError> {
    let read = || read_from(Reader::open(bytes)?.without_records());
    read().map_err(|misfit| CodecError::Misfit { type_name: T::TYPE_NAME, misfit })
}

fn read<T: Message>(bytes: &[u8]) -> Result<T, Misfit> {
    read_from(Reader::open(bytes)?)
}

fn read_from<T: Message>(mut reader: Reader<'_>) -> Result<T, Misfit> {
    let message = T::read(&mut reader)?;
    reader.finish()?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{definition_of, nav_msgs, outrider_msgs, sensor_msgs, std_msgs, tf2_msgs};
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

    /// With cells and without.
    fn world_models() -> [outrider_msgs::WorldModel; 2] {
        let bare = outrider_msgs::Grid { origin_x: 0.5, ..Default::default() };
        let local = outrider_msgs::Grid { cost: vec![1, 2, 3], distance_sq: vec![9, 65535], ..bare.clone() };
        [local, bare].map(|local| outrider_msgs::WorldModel {
            local,
            global_sequence: 7,
            ..Default::default()
        })
    }

    #[test]
    fn cells_can_be_passed_over_but_have_to_be_there() {
        let [world, without] = world_models();
        let mut bytes = encode(&world).unwrap();
        assert_eq!(decode_without_cells::<outrider_msgs::WorldModel>(&bytes).unwrap(), without);
        bytes.truncate(bytes.len() - 12);
        let refused = decode_without_cells::<outrider_msgs::WorldModel>(&bytes).unwrap_err();
        assert_eq!(Err(refused), decode::<outrider_msgs::WorldModel>(&bytes));
    }

    #[test]
    fn cells_can_be_lent_and_the_bytes_are_the_same() {
        let [world, bare] = world_models();
        let bytes = encode(&world).unwrap();
        assert_eq!(encode_with_cells(&bare, &[1, 2, 3], &[9, 65535]).unwrap(), bytes);
        assert_eq!(encode_with_cells(&bare, &[], &[]).unwrap(), encode(&bare).unwrap());
        // Nothing is dropped in silence.
        let refused = encode_with_cells(&world, &[1], &[1]).unwrap_err().to_string();
        assert_eq!(refused, "outrider_msgs/msg/WorldModel: there is no empty grid for the cells");
        assert!(encode_with_cells(&std_msgs::Bool::default(), &[1], &[1]).is_err());
    }

    #[test]
    fn records_can_be_passed_over_but_have_to_fit() {
        let reading = outrider_msgs::MonitorReading {
            name: "reach".into(),
            limit: 0.5,
            unit: "µm".into(),
            ..Default::default()
        };
        let state = outrider_msgs::AssuranceState {
            mode: 2,
            limiting: "reach".into(),
            monitors: vec![reading; 3],
            ..Default::default()
        };
        let mut bytes = encode(&state).unwrap();
        let without = outrider_msgs::AssuranceState { monitors: Vec::new(), ..state };
        assert_eq!(decode_without_records::<outrider_msgs::AssuranceState>(&bytes).unwrap(), without);
        // Text is looked at all the same.
        let last = bytes.windows(5).rposition(|w| w == b"reach").unwrap();
        bytes[last] = 0xff;
        let refused = decode_without_records::<outrider_msgs::AssuranceState>(&bytes).unwrap_err();
        assert_eq!(Err(refused), decode::<outrider_msgs::AssuranceState>(&bytes));
        bytes[last] = b'r';
        bytes.truncate(bytes.len() - 12);
        let refused = decode_without_records::<outrider_msgs::AssuranceState>(&bytes).unwrap_err();
        assert_eq!(Err(refused), decode::<outrider_msgs::AssuranceState>(&bytes));
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
        let refused = decode::<sensor_msgs::LaserScan>(&bytes).unwrap_err();
        let misfit = Misfit::Count { offset: at, count: u32::MAX as usize, left: 4 };
        assert_eq!(refused, CodecError::Misfit { type_name: "sensor_msgs/msg/LaserScan", misfit });
        // 60 million claimed messages of at least 100 bytes each, with 60 MB behind the claim.
        let mut bytes = vec![0; 60_000_000];
        bytes[1] = 1;
        bytes[4..8].copy_from_slice(&60_000_000_u32.to_le_bytes());
        let refused = decode::<tf2_msgs::TFMessage>(&bytes).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "tf2_msgs/msg/TFMessage: 60000000 elements are claimed at offset 4, 59999992 bytes are there"
        );
    }

    #[test]
    fn numbers_are_aligned_and_may_come_in_either_byte_order() {
        let grid = outrider_msgs::Grid {
            cost: vec![1, 2, 3],
            distance_sq: vec![0x0102, 0xfffe],
            origin_x: -2.5,
            ..Default::default()
        };
        let little = encode(&grid).unwrap();
        // The costs, padding, and both distances behind their count.
        assert_eq!(little[little.len() - 12..], [1, 2, 3, 0, 2, 0, 0, 0, 2, 1, 0xfe, 0xff]);
        let mut big = little.clone();
        big[1] = 0;
        // Behind the header: stamp, empty frame, sequence, resolution, width, height, origin.
        let mut at = HEADER_BYTES;
        for widths in [&[4, 4, 4][..], &[8, 8, 4, 4, 8, 8, 4], &[4, 2, 2]] {
            for width in widths {
                big[at..at + width].reverse();
                at += width;
            }
            // The empty frame, or the costs, and padding.
            at += 4;
        }
        assert_eq!(decode::<outrider_msgs::Grid>(&big).unwrap(), grid);
    }

    #[test]
    fn misfits_tell_the_offset() {
        let scan = sensor_msgs::LaserScan { ranges: vec![1.0; 4], ..Default::default() };
        let mut bytes = encode(&scan).unwrap();
        bytes.truncate(bytes.len() - 5);
        let text = decode::<sensor_msgs::LaserScan>(&bytes).unwrap_err().to_string();
        assert_eq!(
            text,
            "sensor_msgs/msg/LaserScan: 4 elements are claimed at offset 48, 15 bytes are there"
        );
        let text = decode::<std_msgs::Bool>(&[0, 1, 0, 0, 7]).unwrap_err().to_string();
        assert_eq!(text, "std_msgs/msg/Bool: 7 at offset 4 is no truth value");
        let text = decode::<std_msgs::Header>(&[0, 1, 0, 0, 1, 0, 0, 0, 2, 0]).unwrap_err().to_string();
        assert_eq!(text, "std_msgs/msg/Header: 4 bytes are needed at offset 8, 2 are there");
        let mut bytes = encode(&std_msgs::Header { frame_id: "map".into(), ..Default::default() }).unwrap();
        bytes[17] = 0xff;
        let text = decode::<std_msgs::Header>(&bytes).unwrap_err().to_string();
        assert_eq!(text, "std_msgs/msg/Header: text at offset 16 is not UTF-8 from its byte 1 on");
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
