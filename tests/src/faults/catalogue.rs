//! The rows of the campaign: `tests/faults/catalogue.yaml`.

use anyhow::ensure;
use garde::Validate;
use outrider_foundation::validate::within;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a fault must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The gate commands zero in time, and the robot stands in time and within its way.
    Stops,
    /// The gate is gone: the robot stands by itself in time and within its way.
    RobotStops,
    /// As `Stops`, and the gate is in emergency stop until somebody resets it.
    EStopLatched,
    /// The robot goes on without a stop.
    RidesThrough,
    /// The robot goes on, no faster than the mode DEGRADED allows.
    Degrades,
    /// It may go on, go slower or stop; whatever it does is permitted.
    StaysSafe,
    /// The gate refuses to be armed and says why.
    RefusesToArm,
    /// The node refuses to start and names file, key and value.
    RefusesToStart,
}

impl Expected {
    /// As the catalogue has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stops => "stops",
            Self::RobotStops => "robot_stops",
            Self::EStopLatched => "e_stop_latched",
            Self::RidesThrough => "rides_through",
            Self::Degrades => "degrades",
            Self::StaysSafe => "stays_safe",
            Self::RefusesToArm => "refuses_to_arm",
            Self::RefusesToStart => "refuses_to_start",
        }
    }

    /// Ends in a standstill that has a bound.
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::Stops | Self::RobotStops | Self::EStopLatched)
    }
}

/// A configured time that a reaction may take: the names stand for numbers of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is a key of a configuration file; see `Numbers::term_s`")]
pub enum Term {
    TimeToLive,
    GatePeriod,
    TeleopTimeout,
    ScanAge,
    OdometryAge,
    WorldModelAge,
    DetectionsAge,
    FutureTolerance,
    StatePeriod,
    MonitorPeriod,
    CommandPeriod,
    AliveTimeout,
    ScanPeriod,
    OdometryPeriod,
    DetectorPeriod,
    RobotTimeout,
}

/// One fault and what it must lead to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Unique name; the code of the fault has the same.
    #[garde(length(min = 1, max = 48))]
    pub id: String,
    /// What belongs together.
    #[garde(length(min = 1, max = 32))]
    pub group: String,
    /// What happens.
    #[garde(length(min = 1, max = 240))]
    pub what: String,
    /// What must come of it.
    #[garde(skip)]
    pub expected: Expected,
    /// Configured times whose sum the reaction may take.
    #[serde(default)]
    #[garde(skip)]
    pub react: Vec<Term>,
    /// And so much more: what is in no configuration file, such as the window of a property, s.
    #[serde(default)]
    #[garde(custom(within(0.0, 5.0)))]
    pub react_more_s: f64,
    /// One of these must be part of the first reason that gate, assurance or planner gives; empty: none is asked for.
    #[serde(default)]
    #[garde(skip)]
    pub because: Vec<String>,
    /// Part of the gate's reason at the end; empty: anything.
    #[serde(default)]
    #[garde(skip)]
    pub finally: String,
    /// After the stop nothing moves until somebody arms, even when the fault is over.
    #[serde(default)]
    #[garde(skip)]
    pub needs_arming: bool,
    /// How long it is watched after the strike, s.
    #[serde(default = "watched_s")]
    #[garde(custom(within(1.0, 20.0)))]
    pub watched_s: f64,
    /// Why this is the right thing to expect.
    #[garde(length(min = 1, max = 400))]
    pub why: String,
    /// What the suite is known not to do yet. The row is a miss as long as it does not; this only says that it is known,
    /// and has to go when it does.
    #[serde(default)]
    #[garde(length(max = 400))]
    pub hole: String,
}

const fn watched_s() -> f64 {
    3.5
}

/// A row of the campaign over real processes, kept so that its absence is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LiveRow {
    /// As in `live.csv`.
    #[garde(length(min = 1, max = 48))]
    pub id: String,
    /// What belongs together.
    #[garde(length(min = 1, max = 32))]
    pub group: String,
}

/// All rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// In the simulator.
    #[garde(dive)]
    pub rows: Vec<Row>,
    /// Over real processes.
    #[garde(dive)]
    pub live: Vec<LiveRow>,
}

impl Catalogue {
    /// From the repository.
    ///
    /// # Errors
    /// When it cannot be read, or rows and code do not name the same faults.
    pub fn load() -> anyhow::Result<Self> {
        let path = crate::root().join("tests/faults/catalogue.yaml");
        Self::parse(&outrider_runtime::config::read(&path)?)
    }

    /// From its text.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let catalogue: Self = outrider_runtime::config::parse("catalogue.yaml", text)?;
        catalogue.check(&super::injections::names())?;
        Ok(catalogue)
    }

    fn check(&self, injections: &BTreeSet<&str>) -> anyhow::Result<()> {
        let mut rows = BTreeSet::new();
        for row in &self.rows {
            ensure!(rows.insert(row.id.as_str()), "catalogue.yaml: `{}` stands there twice", row.id);
            ensure!(
                injections.contains(row.id.as_str()),
                "catalogue.yaml: no code for the fault `{}`",
                row.id
            );
            let bounded = row.expected.is_stop() || row.expected == Expected::Degrades;
            ensure!(
                bounded == !row.react.is_empty(),
                "catalogue.yaml: `{}`: a stop has a `react`, and nothing else has",
                row.id
            );
        }
        let missing: Vec<_> = injections.difference(&rows).collect();
        ensure!(missing.is_empty(), "catalogue.yaml: the faults {missing:?} have code and no row");
        let mut live = BTreeSet::new();
        for row in &self.live {
            ensure!(live.insert(row.id.as_str()), "catalogue.yaml: live `{}` stands there twice", row.id);
        }
        Ok(())
    }
}
