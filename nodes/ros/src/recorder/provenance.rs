//! What the nodes of a run were: from their `<node>/info`, into the bag's metadata.

use outrider_msgs::outrider_msgs::NodeInfo;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Name and entries of the metadata record of a node's run.
pub(super) fn record(info: &NodeInfo) -> (String, BTreeMap<String, String>) {
    let mut entries = BTreeMap::from([
        ("node".to_owned(), info.node.clone()),
        ("build".to_owned(), info.build.clone()),
        ("boot_id".to_owned(), format!("{:016x}", info.boot_id)),
        ("resources_sha256".to_owned(), hex(&info.resources_hash)),
    ]);
    for (role, content) in info.resource_names.iter().zip(&info.resource_contents) {
        entries.insert(format!("sha256/{role}"), hex(&Sha256::digest(content.as_bytes())));
        if let Some(seed) = seed(content) {
            entries.insert("seed".to_owned(), seed.to_owned());
        }
    }
    (format!("outrider.node.{}.{:016x}", info.node, info.boot_id), entries)
}

/// The value of a key `seed` at the top of a YAML text.
fn seed(content: &str) -> Option<&str> {
    let value = content.lines().find_map(|line| line.strip_prefix("seed:"))?;
    Some(value.split('#').next().unwrap_or_default().trim()).filter(|value| !value.is_empty())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_with_the_hash_of_each_of_its_files() {
        let info = NodeInfo {
            node: "sim".into(),
            boot_id: 0x1f,
            build: "1+abc".into(),
            resource_names: vec!["map".into(), "scenario".into()],
            resource_contents: vec!["abc".into(), "name: x\nseed: 42 # lucky\n".into()],
            ..NodeInfo::default()
        };
        let (name, entries) = record(&info);
        assert_eq!(name, "outrider.node.sim.000000000000001f");
        assert_eq!((entries["seed"].as_str(), entries["build"].as_str()), ("42", "1+abc"));
        // SHA-256 of "abc", as FIPS 180-4 gives it.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(entries["sha256/map"], known);
    }
}
