//! Other files in place of the recorded ones.

use super::Args;
use anyhow::{Context as _, bail};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_runtime::{HostedNode, Secret, config};
use outrider_suite::assemble::PERMIT_KEY;
use outrider_suite::replay::resources_of;
use outrider_suite::{AssembleError, assemble};
use std::path::{Path, PathBuf};

/// Files by role.
#[derive(Default)]
pub(super) struct Changes {
    files: Vec<(String, PathBuf, String)>,
}

impl Changes {
    pub(super) fn read(args: &Args) -> anyhow::Result<Self> {
        let mut wanted: Vec<(String, PathBuf)> = Vec::new();
        wanted.extend(args.config.iter().map(|path| ("config".to_owned(), path.clone())));
        for pair in &args.resource {
            let (role, path) = pair
                .split_once('=')
                .with_context(|| format!("--resource {pair}: expected ROLE=FILE, as tree=other.xml"))?;
            wanted.push((role.to_owned(), PathBuf::from(path)));
        }
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        if args.node.len() != 1 {
            bail!("--config and --resource ask what one node would have done: name it with one --node");
        }
        if args.from_topics {
            bail!(
                "--from-topics runs no node twice: leave --config and --resource out, or give the changed folder as --config-dir"
            );
        }
        let mut files = Vec::new();
        for (role, path) in wanted {
            if role == PERMIT_KEY {
                bail!("--resource {PERMIT_KEY}: a key is given with --key");
            }
            let text = config::read(&path)?;
            files.push((role, path, text));
        }
        Ok(Self { files })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|(role, path, _)| format!("{role}={}", path.display())).collect()
    }

    /// The node of a run with these files.
    pub(super) fn apply(
        &self,
        info: &NodeInfo,
        key: Option<&Secret>,
    ) -> Result<Box<dyn HostedNode>, AssembleError> {
        let mut resources = resources_of(info, key)?;
        for (role, path, text) in &self.files {
            let role = full_role(info, role, path)?;
            resources.insert(&role, text.clone(), path.display().to_string());
        }
        assemble(&info.node, resources, info.boot_id)
    }
}

/// Roles are those that the node was started with; a specification may be new.
fn full_role(info: &NodeInfo, role: &str, path: &Path) -> Result<String, AssembleError> {
    let known = |r: &String| r == role;
    if info.resource_names.iter().any(known)
        || (info.node == "assurance" && role.starts_with("specification/"))
    {
        return Ok(role.to_owned());
    }
    let specifications: Vec<&String> =
        info.resource_names.iter().filter(|r| r.starts_with("specification/")).collect();
    match (role, specifications.as_slice()) {
        ("specification", [only]) => Ok((*only).clone()),
        _ => Err(AssembleError::Refused {
            origin: path.display().to_string(),
            message: format!(
                "the node `{}` takes no file of the role `{role}`; it was started with {:?}",
                info.node, info.resource_names
            ),
        }),
    }
}
