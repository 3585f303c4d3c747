//! Definitions of our own types and of others, and messages that do not fit them.

use super::*;
use crate::outrider_msgs as ours;
use crate::{Message, encode, sensor_msgs::LaserScan};

fn schema<T: Message>() -> Schema {
    Schema::parse(T::TYPE_NAME, T::DEFINITION).unwrap()
}

fn leaves(schema: &Schema, data: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    schema
        .leaves(data, &mut |p, v| {
            seen.push(format!("{p}={v}"));
            true
        })
        .unwrap();
    seen
}

#[test]
fn every_field_is_seen_with_its_path() {
    let mut tick = ours::Tick { node: "gate".into(), tick: 3, monotonic: -5, ..Default::default() };
    tick.inputs.push(ours::TickInput { input: 2, digest: 9, received: -1 });
    let seen = leaves(&schema::<ours::Tick>(), &encode(&tick).unwrap());
    assert_eq!(seen[0], "node=\"gate\"");
    for wanted in ["tick=3", "monotonic=-5", "inputs[0].input=2", "inputs[0].received=-1"] {
        assert!(seen.iter().any(|s| s == wanted), "{wanted} in {seen:?}");
    }
}

#[test]
fn all_types_of_the_suite_parse_and_their_default_messages_fit() {
    let scan = LaserScan { ranges: vec![1.0; 5], ..Default::default() };
    schema::<LaserScan>().check(&encode(&scan).unwrap()).unwrap();
    schema::<ours::WorldModel>().check(&encode(&ours::WorldModel::default()).unwrap()).unwrap();
    let permit = ours::Permit { sequence: 4, assurance_boot_id: 8, ..Default::default() };
    let head = schema::<ours::Permit>().head(&encode(&permit).unwrap()).unwrap();
    assert_eq!(head, Head { stamp_ns: Some(0), run: 8, number: Some(4) });
}

#[test]
fn misfits_name_offset_and_field() {
    let scan = LaserScan { ranges: vec![1.0; 5], ..Default::default() };
    let mut bytes = encode(&scan).unwrap();
    let whole = bytes.len();
    bytes.truncate(whole - 8);
    let text = schema::<LaserScan>().check(&bytes).unwrap_err().to_string();
    assert!(text.contains("`ranges`") || text.contains("`intensities`"), "{text}");
    bytes.resize(whole + 8, 0);
    let text = schema::<LaserScan>().check(&bytes).unwrap_err().to_string();
    assert!(text.contains("left over"), "{text}");
    assert!(schema::<LaserScan>().check(&[0, 7, 0, 0]).unwrap_err().to_string().contains("not plain CDR"));
}

#[test]
fn schemas_that_are_none_are_refused_with_the_line() {
    let refusal = |text| Schema::parse("a_msgs/msg/A", text).unwrap_err();
    assert_eq!(refusal("int32 x\nfoo"), "line 2: a type without a name: foo");
    assert!(refusal("B b").contains("not in the schema"));
    assert!(refusal("A a").contains("nest deeper"));
    assert!(Schema::parse("A", "").is_err());
    let fine = "int32 X=3 # constant\nstring<=5[<=3] names\nfloat64[2] f 1.0\nbyte b";
    Schema::parse("a_msgs/msg/A", fine).unwrap();
}

#[test]
fn numbers_keep_their_bits() {
    let scan = LaserScan { ranges: vec![0.1, f32::NAN, f32::INFINITY], ..Default::default() };
    let (schema_of_scan, bytes) = (schema::<LaserScan>(), encode(&scan).unwrap());
    let tree = schema_of_scan.tree(&bytes).unwrap();
    let Some(Tree::List(ranges)) = tree.get("ranges") else { panic!("{tree:?}") };
    assert_eq!(ranges[0].to_string(), "0.1");
    assert!(ranges[1].same(&Tree::Value(Value::Float32(f32::NAN))) && ranges[2].to_string() == "inf");
    let command =
        ours::Command { boot_id: u64::MAX, v: -0.0, reason: "because".into(), ..Default::default() };
    let (schema, bytes) = (schema::<ours::Command>(), encode(&command).unwrap());
    let tree = schema.tree(&bytes).unwrap();
    let value = |path| tree.get(path).and_then(Tree::value).unwrap();
    assert_eq!(value("boot_id"), Value::Unsigned(u64::MAX));
    assert!(!value("v").same(Value::Float64(0.0)) && value("v").same(Value::Float64(-0.0)));
    assert_eq!(value("reason"), Value::Text("because"));
    assert!(tree.same(&schema.tree(&bytes).unwrap()));
}

#[test]
fn what_does_not_fit_its_definition_is_an_error_with_a_place() {
    let schema = schema::<LaserScan>();
    let mut bytes = encode(&LaserScan::default()).unwrap();
    let at = bytes.len() - 8;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let claim = "4294967295 elements are claimed at offset 48, 4 bytes are there";
    assert_eq!(schema.tree(&bytes).unwrap_err().to_string(), claim);
    assert_eq!(schema.check(&bytes).unwrap_err().to_string(), format!("field `ranges`: {claim}"));
    let short = "4 bytes are needed at offset 8, 2 are there";
    assert_eq!(schema.tree(&bytes[..10]).unwrap_err().to_string(), short);
    assert!(schema.tree(&[0, 1]).unwrap_err().to_string().contains("2 bytes"));
    let huge = Schema::parse("a_msgs/msg/A", "uint8[4000000000] x").unwrap();
    assert!(huge.tree(&bytes).unwrap_err().to_string().contains("4000000000 elements"));
}

#[test]
fn a_header_by_itself_is_that_of_std_msgs() {
    let stamp = "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec";
    let header = "MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id";
    let schema = Schema::parse("a_msgs/msg/A", &format!("Header header\n{header}\n{stamp}")).unwrap();
    let bytes = [0, 1, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(schema.head(&bytes).unwrap().stamp_ns, Some(5_000_000_007));
}

#[test]
fn wide_text_has_four_bytes_a_unit() {
    let schema = Schema::parse("a_msgs/msg/A", "wstring a\nuint8 b").unwrap();
    // U+1F916 as a pair of units.
    let bytes = [0, 1, 0, 0, 3, 0, 0, 0, b'x', 0, 0, 0, 0x3e, 0xd8, 0, 0, 0x16, 0xdd, 0, 0, 9, 0, 0, 0];
    assert_eq!(leaves(&schema, &bytes), ["a=\"x\u{1f916}\"", "b=9"]);
    schema.check(bytes.get(..21).unwrap()).unwrap();
    let big = [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, b'x', 0, 0, 0xd8, 0x3e, 0, 0, 0xdd, 0x16, 9];
    assert_eq!(leaves(&schema, &big), leaves(&schema, &bytes));
    let (one, two) = (schema.tree(&bytes[..21]).unwrap(), schema.tree(&big).unwrap());
    assert!(one.same(&two));
    let mut other = big;
    other[11] = b'z';
    assert!(!one.same(&schema.tree(&other).unwrap()), "another text is not the same");
    assert!(schema.check(&[0, 1, 0, 0, 9, 0, 0, 0, 1]).is_err());
}

#[test]
fn definitions_that_are_none_are_refused() {
    for (text, told) in [
        ("uint8[0] x", "line 1: an array of no elements"),
        ("uint8 x\nuint8 x", "line 2: a second field of this name"),
        ("B b\nMSG: a_msgs/B\nuint8 x\nMSG: a_msgs/B\nuint8 x", "line 4: a second definition of a_msgs/B"),
    ] {
        let error = Schema::parse("a_msgs/msg/A", text).unwrap_err();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn a_type_without_fields_takes_a_byte() {
    let schema = Schema::parse("a_msgs/msg/A", "Empty a\nuint8 b\nMSG: a_msgs/Empty\n").unwrap();
    let bytes = [0, 1, 0, 0, 7, 9, 0, 0];
    assert_eq!(leaves(&schema, &bytes), ["b=9"]);
    let tree = schema.tree(&bytes).unwrap();
    assert_eq!(tree.get("b").and_then(Tree::value), Some(Value::Unsigned(9)));
}

#[test]
fn numbers_at_a_path_are_edited_in_place() {
    let schema = schema::<LaserScan>();
    let scan = LaserScan { range_max: 20.0, ranges: vec![1.0, 2.0, f32::INFINITY], ..Default::default() };
    let mut bytes = encode(&scan).unwrap();
    assert_eq!(schema.edit_floats(&mut bytes, "ranges", &mut |r| 2.0 * r + 0.5), Ok(3));
    let edited = LaserScan { ranges: vec![2.5, 4.5, f32::INFINITY], ..scan.clone() };
    assert_eq!(crate::decode::<LaserScan>(&bytes).unwrap(), edited);
    assert_eq!(
        schema.edit_floats(&mut bytes, "header.stamp.sec", &mut |_| 1.0),
        Ok(0),
        "no floating-point number"
    );
    assert_eq!(crate::decode::<LaserScan>(&bytes).unwrap(), edited);
    let length = bytes.len();
    let mut short = bytes[..length - 2].to_vec();
    assert!(schema.edit_floats(&mut short, "ranges", &mut |_| 0.0).is_err());
    assert_eq!(short, bytes[..length - 2], "all or nothing");
    let odometry = self::schema::<crate::nav_msgs::Odometry>();
    for (path, there) in
        [("twist.twist.linear.x", true), ("twist.twist", false), ("header.stamp.sec", false), ("x", false)]
    {
        assert_eq!(odometry.has_floats(path), there, "{path}");
    }
}
