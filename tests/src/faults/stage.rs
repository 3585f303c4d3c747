//! Where the faults strike: the world, the files of every node, and the suite made of them.

use super::run::Wrap;
use anyhow::{Context, ensure};
use outrider_runtime::{HostedNode, Resources};
use outrider_suite::lockstep::Lockstep;
use outrider_suite::{Files, NODES, Scenario, assemble, read_resources, read_scenario};
use std::collections::BTreeMap;

/// Truth so often a second: stops are measured by it.
const TRUTH_HZ: &str = "truth: {rate_hz: 100.0";

/// Every file of every node, in memory, so that a fault can have other ones.
#[derive(Clone, Debug)]
pub struct Stage {
    resources: BTreeMap<&'static str, Resources>,
    /// What is driven.
    pub scenario: Scenario,
}

impl Stage {
    /// From the repository.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let root = crate::root();
        let scenario = root.join("tests/faults/corner.yaml");
        let files = Files { scenario: Some(scenario.clone()), ..Files::new(root.join("config")) };
        let mut resources = BTreeMap::new();
        for node in NODES {
            resources.insert(node, read_resources(node, &files)?);
        }
        let mut stage = Self { resources, scenario: read_scenario(&scenario)? };
        stage.edit("sim", "config", "truth: {rate_hz: 20.0", TRUTH_HZ)?;
        Ok(stage)
    }

    /// Another seed for everything random in the world.
    ///
    /// # Errors
    /// When the scenario has no seed.
    pub fn seeded(&self, seed: u64) -> anyhow::Result<Self> {
        let mut stage = self.clone();
        stage.edit(
            "sim",
            "scenario",
            &format!("seed: {}\n", self.scenario.seed),
            &format!("seed: {seed}\n"),
        )?;
        stage.scenario.seed = seed;
        Ok(stage)
    }

    /// The files of a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn resources(&self, node: &str) -> anyhow::Result<&Resources> {
        self.resources.get(node).with_context(|| format!("there is no node `{node}`"))
    }

    /// A file's text.
    ///
    /// # Errors
    /// When there is no such node or file.
    pub fn text<'a>(&'a self, node: &str, role: &'a str) -> anyhow::Result<&'a str> {
        Ok(self.resources(node)?.get(node, role)?.0)
    }

    /// Replaces something in a file.
    ///
    /// # Errors
    /// When it is not there: then the file has changed and whoever edits it has to look again.
    pub fn edit(&mut self, node: &'static str, role: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let (text, origin) = self.resources(node)?.get(node, role)?;
        ensure!(text.contains(from), "{origin}: there is no `{from}` to be replaced");
        let (text, origin) = (text.replacen(from, to, 1), origin.to_owned());
        self.replace(node, role, text, origin);
        Ok(())
    }

    /// Replaces a whole file.
    pub fn replace(&mut self, node: &'static str, role: &str, text: String, origin: String) {
        self.resources.entry(node).or_default().insert(role, text, origin);
    }

    /// A node from its files.
    ///
    /// # Errors
    /// When it refuses to start.
    pub fn node(&self, node: &'static str, boot_id: u64) -> anyhow::Result<Box<dyn HostedNode>> {
        Ok(assemble(node, self.resources(node)?.clone(), boot_id)?)
    }

    /// The whole suite, with `wrap` around every node.
    ///
    /// # Errors
    /// When a node refuses to start.
    pub fn suite(&self, wrap: &Wrap) -> anyhow::Result<Lockstep> {
        let nodes = (1..).zip(NODES).map(|(boot_id, node)| self.node(node, boot_id).map(wrap));
        Ok(Lockstep::of(nodes.collect::<anyhow::Result<_>>()?))
    }
}
