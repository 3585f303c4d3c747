//! One run: driven, measured, judged, and for some run again from its record.

use super::store::{Finished, Reproduced, RunResult, RunTiming, Status, StepTimes};
use super::suite::{Member, Planned, Setup, build, short_hash};
use outrider_foundation::zones::Zones;
use outrider_foundation::{Now, Robot};
use outrider_msgs::outrider_msgs::Tick;
use outrider_runtime::{Around, HostedNode, Outputs};
use outrider_sim::Outline;
use outrider_suite::drive::drive_wrapped;
use outrider_suite::evaluation::{Eyes, Place, Verdict, judge, measure};
use outrider_suite::files::sim_config;
use outrider_suite::lockstep::Observed;
use outrider_suite::replay::{Evidence, assembled, replay_all};
use outrider_suite::scenario::expect::Outcome;
use outrider_suite::{Files, load_world, robot_and_zones};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Sides of the polygon that stands for a disc in drawings.
const DISC_SIDES: u32 = 24;

thread_local! {
    /// Set while a run is made on this thread: a panic is its result then.
    static IN_RUN: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Has panics of runs kept quiet, and told by their results.
pub fn keep_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if IN_RUN.get() {
            LAST_PANIC.set(info.to_string());
        } else {
            usual(info);
        }
    }));
}

/// Makes a run. Whatever happens in it is its result.
///
/// # Errors
/// When a file cannot be read, or is not what it was when the run was planned: that is nothing of the run.
pub fn run(setup: &Setup, member: &Member, planned: &Planned, replay: bool) -> anyhow::Result<Finished> {
    let started = std::time::Instant::now();
    let times: Times = Rc::default();
    IN_RUN.set(true);
    let made = catch_unwind(AssertUnwindSafe(|| make(setup, member, planned, replay, &times)));
    IN_RUN.set(false);
    setup.is_as_planned(member, planned)?;
    let (status, message, made) = match made {
        Ok(Ok(made)) => (Status::Done, None, Some(made)),
        Ok(Err(error)) if error.chain().any(|cause| cause.is::<std::io::Error>()) => return Err(error),
        Ok(Err(error)) => (Status::Error, Some(format!("{error:#}")), None),
        Err(_) => (Status::Panic, Some(LAST_PANIC.take()), None),
    };
    let wall_s = started.elapsed().as_secs_f64();
    let elapsed_s = made.as_ref().map_or(0.0, |m| m.measures.elapsed_s);
    let timing = timing(planned, &times.borrow(), wall_s, elapsed_s);
    let mut result = blank(member, planned, status, message);
    let (mut series, mut world) = (None, None);
    if let Some(made) = made {
        result.outcome = Some(made.verdict.outcome);
        result.passed = made.verdict.passed;
        result.failures = made.verdict.failures;
        result.violations = made.verdict.violations;
        result.stl = made.verdict.stl;
        result.metrics = Some(made.measures);
        result.digest = Some(made.digest);
        result.reproduced = made.reproduced;
        (series, world) = (Some(made.series), Some(made.world));
    }
    Ok(Finished { result, timing, series, world })
}

fn blank(member: &Member, planned: &Planned, status: Status, message: Option<String>) -> RunResult {
    let scenario = &member.scenario;
    let criticality = scenario.criticality.as_ref();
    RunResult {
        key: planned.key.clone(),
        scenario: scenario.id.clone(),
        file: member.file.clone(),
        family: scenario.family,
        class: criticality.map(|c| c.class),
        requirements: scenario.requirements.clone(),
        covers: criticality.map(|c| c.covers.clone()).unwrap_or_default(),
        scenario_hash: member.hash.clone(),
        parameters: planned.case.parameters.clone(),
        seed: planned.case.seed,
        build: build().to_owned(),
        config_hash: planned.config_hash.clone(),
        world_hash: planned.world_hash.clone(),
        status,
        message,
        outcome: None::<Outcome>,
        passed: false,
        failures: Vec::new(),
        violations: Vec::new(),
        stl: BTreeMap::new(),
        metrics: None,
        digest: None,
        reproduced: None,
    }
}

struct Made {
    verdict: Verdict,
    measures: outrider_suite::evaluation::Measures,
    digest: String,
    reproduced: Option<Reproduced>,
    series: Value,
    world: (String, Value),
}

fn make(
    setup: &Setup,
    member: &Member,
    planned: &Planned,
    replay: bool,
    times: &Times,
) -> anyhow::Result<Made> {
    let files = setup.files(member, &planned.case);
    let scenario = files.scenario()?;
    let (robot, zones) = robot_and_zones(&files)?;
    let mut eyes = Eyes::new(&scenario, Place::new(robot.footprint.clone(), &zones)?);
    let mut evidence = replay.then(Evidence::default);
    let mut wrap = |node: Box<dyn HostedNode>| -> Box<dyn HostedNode> {
        Box::new(Timed { name: node.spec().name.clone(), inner: node, times: Rc::clone(times) })
    };
    let mut see = |observed: &Observed| {
        eyes.see(observed);
        if let Some(evidence) = &mut evidence {
            evidence.see(observed);
        }
    };
    let result = drive_wrapped(&files, &mut wrap, &mut see, &mut |_| {})?;
    eyes.finish(result.elapsed_s);
    let measures = measure(&scenario, &result, &eyes);
    let verdict = judge(&scenario, &robot, &result, &eyes, &measures);
    let reproduced = evidence.map(|evidence| reproduce(&evidence));
    let world = world(&files, &robot, &zones)?;
    let head = json!({
        "key": planned.key,
        "scenario": scenario.id,
        "parameters": planned.case.parameters,
        "seed": planned.case.seed,
        "world": world.0,
        "passed": verdict.passed,
    });
    let series = eyes.series.to_json(head, &eyes.timeline, &scenario);
    Ok(Made { verdict, measures, digest: result.digest, reproduced, series, world })
}

/// Runs every node again from what was recorded and compares.
fn reproduce(evidence: &Evidence) -> Reproduced {
    let replay = replay_all(evidence, &mut |info| assembled(info, None));
    let steps = replay.outcomes.iter().map(|o| o.steps).sum();
    let differs = replay.outcomes.iter().find(|o| !o.is_identical());
    let difference = match (replay.damage.first(), differs) {
        (Some(damage), _) => Some(damage.clone()),
        (None, Some(outcome)) => {
            let what = serde_json::to_string(outcome).unwrap_or_default();
            Some(what.chars().take(1000).collect())
        }
        (None, None) => None,
    };
    let identical = difference.is_none() && steps > 0;
    Reproduced { how: "replay".to_owned(), identical, steps, difference }
}

/// The world as it is drawn: what the lidar's plane cuts, and the zones.
fn world(files: &Files, robot: &Robot, zones: &Zones) -> anyhow::Result<(String, Value)> {
    let resources = outrider_suite::read_resources("sim", files)?;
    let (text, origin) = resources.get("sim", "config")?;
    let sim = sim_config(origin, text)?;
    let outlines = load_world(&resources)?.outlines(sim.lidar.height_m);
    let points = |corners: &mut dyn Iterator<Item = (f64, f64)>| -> Vec<[f64; 2]> {
        corners.map(|(x, y)| [x, y].map(|v| (v * 1e3).round() / 1e3)).collect()
    };
    let outline = |outline: &Outline| match outline {
        Outline::Polygon(corners) => points(&mut corners.iter().map(|c| (c.x_m, c.y_m))),
        Outline::Disc { centre, radius_m } => points(&mut (0..DISC_SIDES).map(|i| {
            let (s, c) = libm::sincos(f64::from(i) * std::f64::consts::TAU / f64::from(DISC_SIDES));
            (centre.x_m + radius_m * c, centre.y_m + radius_m * s)
        })),
    };
    let footprint = points(&mut robot.footprint.corners().iter().map(|c| (c.x_m, c.y_m)));
    let exclusion: Vec<Value> =
        zones.exclusion.iter().map(|z| json!({"name": z.name, "polygon": z.polygon_m})).collect();
    let speed: Vec<Value> = zones
        .speed
        .iter()
        .map(|z| json!({"name": z.name, "polygon": z.polygon_m, "v_max": z.v_max_mps}))
        .collect();
    let direction: Vec<Value> = zones
        .direction
        .iter()
        .map(|z| json!({"name": z.name, "polygon": z.polygon_m, "heading": z.heading_rad}))
        .collect();
    let value = json!({
        "outlines": outlines.iter().map(outline).collect::<Vec<_>>(),
        "exclusion": exclusion,
        "speed": speed,
        "direction": direction,
        "footprint": footprint,
    });
    Ok((short_hash(&[&value.to_string()]), value))
}

/// Nanoseconds of every step, by node, and of the steps that gave a command.
#[derive(Debug, Default)]
struct Durations {
    nodes: BTreeMap<String, Vec<u32>>,
    decisions: Vec<u32>,
}

type Times = Rc<RefCell<Durations>>;

/// A node whose steps are timed.
struct Timed {
    name: String,
    inner: Box<dyn HostedNode>,
    times: Times,
}

impl Around for Timed {
    fn inner(&self) -> &dyn HostedNode {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn HostedNode {
        self.inner.as_mut()
    }

    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        let Self { name, inner, times } = self;
        let started = std::time::Instant::now();
        let tick = inner.step(now, outputs);
        let nanos = u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX);
        let mut times = times.borrow_mut();
        if name == "planner" && tick.outputs > 0 {
            times.decisions.push(nanos);
        }
        match times.nodes.get_mut(name) {
            Some(list) => list.push(nanos),
            None => {
                times.nodes.insert(name.clone(), vec![nanos]);
            }
        }
        tick
    }
}

fn timing(planned: &Planned, times: &Durations, wall_s: f64, elapsed_s: f64) -> RunTiming {
    let round = |value: f64| (value * 1e3).round() / 1e3;
    RunTiming {
        key: planned.key.clone(),
        call: None,
        wall_s: round(wall_s),
        times_real: round(elapsed_s / wall_s.max(1e-9)),
        steps: times.nodes.iter().map(|(name, list)| (name.clone(), step_times(list))).collect(),
        decision: step_times(&times.decisions),
    }
}

/// Nearest-rank percentiles.
fn step_times(nanos: &[u32]) -> StepTimes {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).map_or(0.0, |n| f64::from(*n) / 1e3)
    };
    StepTimes {
        count: sorted.len() as u64,
        total_s: sorted.iter().map(|n| f64::from(*n)).sum::<f64>() / 1e9,
        p50_us: at(0.5),
        p95_us: at(0.95),
        p99_us: at(0.99),
        max_us: at(1.0),
    }
}
