//! `outrider bag extract`: a scenario of a stretch of a bag, which runs in the simulator.

mod goals;

use super::events::{self, Event};
use super::faults::{Found, Watch};
use super::survey::{Survey, open};
use super::times::Stretch;
use super::walls::walls;
use crate::report::{Recording, Trail};
use anyhow::{Context, bail, ensure};
use outrider_foundation::{Point2, Pose2};
use outrider_msgs::outrider_msgs::NodeInfo;
use outrider_suite::Scenario;
use outrider_suite::scenario::{RecordedTrack, ScenarioPose};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Points of a track are left out as long as the way and the times stay within this distance of what was recorded, m.
pub const TRACK_TOLERANCE_M: f64 = 0.005;
/// Tracks of the world model with fewer points are left out, and told: a flicker is nobody.
const TRACK_POINTS_MIN: usize = 5;
/// The most people of a scenario, as the simulator takes them.
const PEOPLE_LIMIT: usize = 64;
/// The most points of one track, as the simulator takes them.
const POINT_LIMIT: usize = 4_094;
/// The most events that are written as comments.
const EVENT_LIMIT: usize = 200;
/// A run may take this many times as long as what was recorded.
const TIME_FACTOR: f64 = 2.0;

/// Arguments of `outrider bag extract`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bag.
    pub bag: PathBuf,
    /// The scenario file; the world goes beside it. Neither may exist.
    pub out: PathBuf,
    /// From here on: seconds since the start, or since the epoch.
    #[arg(long, value_name = "S")]
    pub from: Option<String>,
    /// Up to here.
    #[arg(long, value_name = "S")]
    pub to: Option<String>,
}

/// Runs `outrider bag extract`.
///
/// # Errors
/// When the bag cannot be read, does not tell enough, or a file cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let made = extract(args)?;
    for file in &made.files {
        println!("{} written", file.display());
    }
    for note in &made.notes {
        println!("note: {note}");
    }
    let people = made.scenario.people.as_ref().map_or(0, Vec::len);
    let (faults, asked) = (made.scenario.faults.len(), made.scenario.mission.len());
    let goal = match asked {
        0 => format!("goal given {} s after the start", made.scenario.goal_at_s),
        asked => format!("{asked} requests to the planner"),
    };
    println!("{people} people, {faults} faults; {goal}");
    println!("to drive it: outrider sim {}", args.out.display());
    Ok(())
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// The scenario.
    pub scenario: Scenario,
    files: Vec<PathBuf>,
    notes: Vec<String>,
}

/// Makes the scenario and its files.
///
/// # Errors
/// As [`run`].
pub fn extract(args: &Args) -> anyhow::Result<Made> {
    let (reader, start_ns, end_ns) = open(&args.bag)?;
    let stretch = Stretch::new(args.from.as_deref(), args.to.as_deref(), (start_ns, end_ns))?;
    let mut infos: Vec<NodeInfo> = Vec::new();
    let mut watch = Watch::default();
    let survey = Survey::pass(&reader, (start_ns, end_ns), &mut |seen| {
        watch.see(seen);
        Ok(())
    })?;
    infos.extend(survey.runs.values().filter_map(|r| r.info.clone()));
    let recording = Recording::read(&args.bag)?;
    let seconds = |ns: u64| ns.saturating_sub(start_ns) as f64 / 1e9;
    let mut maker = Maker {
        recording: &recording,
        infos: &infos,
        from_s: seconds(stretch.from_ns),
        to_s: seconds(stretch.to_ns),
        notes: Vec::new(),
    };
    let stem = args
        .out
        .file_stem()
        .and_then(|s| s.to_str())
        .context("the scenario needs a name in UTF-8")?
        .to_owned();
    let (world_name, world) = maker.world(&stem)?;
    let zones = maker.zones(&stem);
    let time_limit_s = ((maker.to_s - maker.from_s) * TIME_FACTOR).clamp(30.0, 3600.0);
    let goals::Purpose { mission, goal, goal_at_s } = maker.purpose(time_limit_s)?;
    let (faults, notes) = watch.found(stretch);
    maker.notes.extend(notes);
    let scenario = Scenario {
        id: stem.chars().take(64).collect(),
        description: format!(
            "From {:.3} s to {:.3} s of {}",
            maker.from_s,
            maker.to_s,
            args.bag.file_name().unwrap_or_default().to_string_lossy().chars().take(200).collect::<String>()
        ),
        world: format!("./{world_name}"),
        zones: zones.as_ref().map_or_else(|| "zones/warehouse.yaml".to_owned(), |z| format!("./{}", z.0)),
        start: maker.start()?,
        goal,
        goal_tolerance_m: maker.of_scenario(|s| s.goal_tolerance_m).unwrap_or(0.3),
        seed: maker.of_scenario(|s| s.seed).unwrap_or(1),
        time_limit_s,
        goal_at_s,
        mission,
        people: Some(maker.people()),
        faults: faults.iter().map(|found| found.fault.clone()).collect(),
        ..Scenario::blank()
    };
    let events = events::read(&args.bag)?;
    let happened = events.into_iter().filter(|e| stretch.has(e.t_ns)).collect::<Vec<_>>();
    let text = render(&scenario, &maker, &faults, &happened);
    let folder = args.out.parent().unwrap_or(Path::new(""));
    let mut files = vec![(args.out.clone(), text), (folder.join(world_name), world)];
    files.extend(zones.map(|(name, text)| (folder.join(name), text)));
    for (path, _) in &files {
        ensure!(!path.exists(), "{}: exists already", path.display());
    }
    write(&args.out, &files)?;
    Ok(Made { scenario, files: files.into_iter().map(|f| f.0).collect(), notes: maker.notes })
}

/// Writes a scenario with the files that belong to it. It has to be what a run reads; what is not does not stay.
fn write(scenario: &Path, files: &[(PathBuf, String)]) -> anyhow::Result<()> {
    let written = files.iter().try_for_each(|(path, text)| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    });
    let read = written.and_then(|()| Ok(outrider_suite::read_scenario(scenario).map(drop)?));
    if read.is_err() {
        files.iter().for_each(|(path, _)| drop(fs::remove_file(path)));
    }
    read
}

struct Maker<'a> {
    recording: &'a Recording,
    infos: &'a [NodeInfo],
    from_s: f64,
    to_s: f64,
    notes: Vec<String>,
}

impl Maker<'_> {
    fn resource(&self, node: &str, role: &str) -> Option<&str> {
        let info = self.infos.iter().find(|i| i.node == node)?;
        let at = info.resource_names.iter().position(|n| n == role)?;
        info.resource_contents.get(at).map(String::as_str)
    }

    fn of_scenario<T>(&self, get: impl FnOnce(&Scenario) -> T) -> Option<T> {
        let text = self.resource("sim", "scenario")?;
        outrider_suite::files::scenario("scenario", text).ok().map(|s| get(&s))
    }

    /// Name and text of the world file.
    fn world(&mut self, stem: &str) -> anyhow::Result<(String, String)> {
        let name = format!("{stem}.world.sdf");
        if let Some(text) = self.resource("sim", "world") {
            let text = text.to_owned();
            self.notes.push("world: the simulator's own, as the bag has it".to_owned());
            return Ok((name, text));
        }
        let map = self.recording.map.as_ref().context(
            "the bag has neither the world of a simulator (/sim/info) nor a /map: nothing tells where walls are",
        )?;
        let (text, boxes) = walls(map)?;
        self.notes.push(format!(
            "world: {boxes} boxes of 2 m height where /map is occupied; unknown cells are free, and what is lower or higher than the lidar is not known"
        ));
        Ok((name, text))
    }

    fn zones(&mut self, stem: &str) -> Option<(String, String)> {
        let zones = self.resource("assurance", "zones").map(|t| (format!("{stem}.zones.yaml"), t.to_owned()));
        if zones.is_none() {
            self.notes.push("zones: not in the bag; those of the warehouse are used".to_owned());
        }
        zones
    }

    fn start(&mut self) -> anyhow::Result<ScenarioPose> {
        let truth = self
            .recording
            .truth
            .iter()
            .find(|t| t.t_s >= self.from_s)
            .map(|t| (t.pose, t.twist, "the truth"));
        let believed = || {
            let of = self.recording.beliefs.iter().find(|b| b.t_s >= self.from_s && b.frame == "map")?;
            Some((of.pose, of.twist, "the world model"))
        };
        let Some((pose, twist, source)) = truth.or_else(believed) else {
            bail!(
                "neither /sim/ground_truth nor /world_model in the map frame tells where the robot was at {:.3} s",
                self.from_s
            );
        };
        self.notes.push(format!("start: from {source}"));
        if twist.v_mps.abs() > 0.02 || twist.w_radps.abs() > 0.02 {
            self.notes.push(format!(
                "start: the robot moved at {:.2} m/s and {:.2} rad/s; a scenario starts at rest, so it is behind what was recorded",
                twist.v_mps, twist.w_radps
            ));
        }
        Ok(pose_of(pose))
    }

    fn people(&mut self) -> Vec<RecordedTrack> {
        let mut people = Vec::new();
        let recording = self.recording;
        if !recording.truth.is_empty() {
            self.notes.push("people: from the truth".to_owned());
            for (name, trail) in &recording.actors {
                self.person(name.clone(), trail, false, &mut people);
            }
        } else {
            self.notes.push("people: from the tracks of the world model; p<N> is its track N".to_owned());
            for (id, trail) in &recording.tracks {
                self.person(format!("p{id}"), trail, true, &mut people);
            }
        }
        people
    }

    fn person(&mut self, name: String, trail: &Trail, leaves: bool, into: &mut Vec<RecordedTrack>) {
        let points = within(trail, self.from_s, self.to_s);
        let least = if leaves { TRACK_POINTS_MIN } else { 1 };
        if points.len() < least {
            if !points.is_empty() {
                self.notes.push(format!("people: {name} left out: only {} points", points.len()));
            }
            return;
        }
        if into.len() >= PEOPLE_LIMIT {
            self.notes.push(format!("people: {name} left out: the simulator takes {PEOPLE_LIMIT}"));
            return;
        }
        let mut thin = thinned(&points, TRACK_TOLERANCE_M);
        if thin.len() > POINT_LIMIT {
            let end_s = thin.get(POINT_LIMIT - 1).map_or(0.0, |p| p[0]);
            self.notes.push(format!(
                "people: {name} is left out after {end_s:.3} s: more than {POINT_LIMIT} points"
            ));
            thin.truncate(POINT_LIMIT);
        }
        let longest_s =
            points.windows(2).filter_map(|w| Some(w.last()?.0 - w.first()?.0)).fold(0.0, f64::max);
        if longest_s > 1.0 {
            self.notes.push(format!(
                "people: {name} was not seen for up to {longest_s:.1} s; walks straight in between"
            ));
        }
        into.push(RecordedTrack { name, leaves, points: thin });
    }
}

fn pose_of(pose: Pose2) -> ScenarioPose {
    ScenarioPose { x_m: rounded(pose.x_m), y_m: rounded(pose.y_m), yaw_rad: rounded(pose.yaw_rad) }
}

/// To a tenth of a millimetre.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The part of a trail in a stretch, by the stretch's own time, to the millisecond.
fn within(trail: &Trail, from_s: f64, to_s: f64) -> Vec<(f64, Point2)> {
    let mut points: Vec<(f64, Point2)> = Vec::new();
    for (t_s, at) in trail.iter().filter(|(t, p)| (from_s..=to_s).contains(t) && p.is_finite()) {
        let t_s = ((t_s - from_s) * 1e3).round() / 1e3;
        if points.last().is_none_or(|(last_s, _)| t_s > *last_s) {
            points.push((t_s, *at));
        }
    }
    points
}

/// Leaves points out where going straight and evenly between the others stays within the tolerance at every moment.
fn thinned(points: &[(f64, Point2)], tolerance_m: f64) -> Vec<[f64; 3]> {
    /// A straight piece is tried no longer than this: the work stays bounded.
    const PIECE_LIMIT: usize = 512;
    let point = |(t_s, p): &(f64, Point2)| [*t_s, rounded(p.x_m), rounded(p.y_m)];
    let mut kept: Vec<[f64; 3]> = points.first().map(point).into_iter().collect();
    let mut from = 0;
    while from + 1 < points.len() {
        let mut to = from + 1;
        while to + 1 < points.len()
            && to + 1 - from < PIECE_LIMIT
            && is_even(points.get(from..=to + 1), tolerance_m)
        {
            to += 1;
        }
        kept.extend(points.get(to).map(point));
        from = to;
    }
    kept
}

fn is_even(piece: Option<&[(f64, Point2)]>, tolerance_m: f64) -> bool {
    let Some([(t0, p0), inner @ .., (t1, p1)]) = piece else { return false };
    inner.iter().all(|(t, p)| {
        let part = (t - t0) / (t1 - t0);
        let on = Point2::new(p0.x_m + part * (p1.x_m - p0.x_m), p0.y_m + part * (p1.y_m - p0.y_m));
        on.distance_m(*p) <= tolerance_m
    })
}

/// The scenario as a file for people: with where everything is from.
fn render(s: &Scenario, maker: &Maker<'_>, faults: &[Found], happened: &[Event]) -> String {
    let mut out = format!("# {}\n", s.description);
    // Writing to a String cannot fail.
    for note in &maker.notes {
        let _ = writeln!(out, "# {note}");
    }
    let _ = writeln!(
        out,
        "# nodes: their configuration in the bag is not in here; the folder given to `outrider sim --config` counts"
    );
    let text = |t: &str| serde_json::Value::from(t).to_string();
    let pose = |p: ScenarioPose| {
        format!("{{x_m: {}, y_m: {}, yaw_rad: {}}}", number(p.x_m), number(p.y_m), number(p.yaw_rad))
    };
    let _ = writeln!(out, "id: {}\ndescription: {}", text(&s.id), text(&s.description));
    let _ = writeln!(out, "world: {}\nzones: {}", text(&s.world), text(&s.zones));
    let _ = writeln!(out, "start: {}\ngoal: {}", pose(s.start), pose(s.goal));
    let _ = writeln!(out, "goal_tolerance_m: {}\nseed: {}", number(s.goal_tolerance_m), s.seed);
    let _ = writeln!(out, "time_limit_s: {}\ngoal_at_s: {}", number(s.time_limit_s), number(s.goal_at_s));
    let people = s.people.as_deref().unwrap_or_default();
    let _ = writeln!(out, "people:{}", if people.is_empty() { " []" } else { "   # points: s, m, m" });
    for person in people {
        let _ = writeln!(out, "  - name: {}\n    leaves: {}\n    points:", text(&person.name), person.leaves);
        for [t_s, x_m, y_m] in &person.points {
            let _ = writeln!(out, "      - [{}, {}, {}]", number(*t_s), number(*x_m), number(*y_m));
        }
    }
    faults_as_text(&mut out, faults);
    if !s.mission.is_empty() {
        let _ = writeln!(out, "mission:   # in place of the goal, which is where it ends");
    }
    for step in &s.mission {
        let _ = writeln!(out, "  - {}", serde_json::to_string(step).unwrap_or_default());
    }
    let _ = writeln!(
        out,
        "\n# What happened, for comparison. Of all this only what stands under `faults` is made to happen again."
    );
    for event in happened.iter().take(EVENT_LIMIT) {
        let at_s = event.t_s - maker.from_s;
        let _ =
            writeln!(out, "#   {at_s:9.3} s  {:<12}  {}", event.kind, event.text.replace(['\n', '\r'], " "));
    }
    if let Some(more) = happened.len().checked_sub(EVENT_LIMIT).filter(|m| *m > 0) {
        let _ = writeln!(out, "#   and {more} events more: `outrider bag events` has them");
    }
    out
}

fn faults_as_text(out: &mut String, faults: &[Found]) {
    let _ = writeln!(out, "faults:{}", if faults.is_empty() { " []" } else { "" });
    for Found { fault, seen } in faults {
        // JSON is YAML.
        let what = serde_json::to_string(&fault.what).unwrap_or_default();
        let for_s = fault.for_s.map_or(String::new(), |for_s| format!(", for_s: {}", number(for_s)));
        let _ = writeln!(out, "  - {{at_s: {}{for_s}, what: {what}}}   # {seen}", number(fault.at_s));
    }
}

/// A number that YAML takes for a float.
fn number(value: f64) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_suite::faults::Fault;

    #[test]
    fn thinning_keeps_place_and_time() {
        // Walks, stands, walks on: 20 times a second.
        let at = |t: f64| {
            Point2::new(
                if t < 2.0 {
                    t
                } else if t < 3.0 {
                    2.0
                } else {
                    t - 1.0
                },
                0.0,
            )
        };
        let points: Vec<(f64, Point2)> = (0..=100).map(|i| f64::from(i) / 20.0).map(|t| (t, at(t))).collect();
        let thin = thinned(&points, TRACK_TOLERANCE_M);
        assert!(thin.len() <= 6, "{thin:?}");
        let actor = RecordedTrack { name: "p".into(), leaves: false, points: thin };
        let world = actor.points.clone();
        for (t, p) in &points {
            let next = world.iter().position(|w| w[0] > *t).unwrap_or(world.len() - 1).max(1);
            let (a, b) = (world[next - 1], world[next]);
            let x = a[1] + (t - a[0]) / (b[0] - a[0]) * (b[1] - a[1]);
            assert!((x - p.x_m).abs() < TRACK_TOLERANCE_M + 1e-4, "{t} s: {x} for {}", p.x_m);
        }
    }

    #[test]
    fn what_no_run_reads_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| (dir.path().join(name), text.to_owned());
        let left = || fs::read_dir(dir.path()).unwrap().count();
        let scenario =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/warehouse_crossing.yaml");
        let sound = fs::read_to_string(scenario).unwrap();
        let write = |files: &[(PathBuf, String)]| write(&dir.path().join("a.yaml"), files);
        assert!(write(&[file("a.yaml", "id: a\nworld: 7\n"), file("a.world.sdf", "<sdf/>")]).is_err());
        assert_eq!(left(), 0, "the scenario is none");
        assert!(write(&[file("a.yaml", &sound), file("no/where.sdf", "<sdf/>")]).is_err());
        assert_eq!(left(), 0, "not all of it can be written");
        write(&[file("a.yaml", &sound), file("a.world.sdf", "<sdf/>")]).unwrap();
        assert_eq!(left(), 2);
    }

    #[test]
    fn times_of_a_part_begin_at_zero_and_rise() {
        let trail: Trail =
            (0..100).map(|i| (f64::from(i) * 0.0004, Point2::new(f64::from(i), 0.0))).collect();
        let part = within(&trail, 0.01, 0.03);
        assert_eq!(part.first().map(|p| p.0), Some(0.0));
        assert!(part.windows(2).all(|w| w[0].0 < w[1].0));
    }

    pub(super) fn drive(scenario: &Path, bag: &Path) -> Recording {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let config = root.join("config");
        let args = [
            "outrider".as_ref(),
            "sim".as_ref(),
            scenario.as_os_str(),
            "--config".as_ref(),
            config.as_os_str(),
        ];
        let bag_args = ["--bag".as_ref(), bag.as_os_str()];
        let cli = <crate::Cli as clap::Parser>::try_parse_from(args.into_iter().chain(bag_args)).unwrap();
        cli.run().unwrap();
        Recording::read(bag).unwrap()
    }

    fn at(trail: &Trail, t_s: f64) -> Option<Point2> {
        trail.iter().find(|(t, _)| (t - t_s).abs() < 1e-6).map(|p| p.1)
    }

    /// People pass the same places at the same times to this distance: what thinning leaves, the truth's own 20 Hz at
    /// corners, and what people wait for the robot.
    const SAME_M: f64 = 0.05;

    #[test]
    fn a_scenario_of_a_run_runs_and_is_that_run() {
        let dir = tempfile::tempdir().unwrap();
        let scenario =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/warehouse_crossing.yaml");
        let (bag, again) = (dir.path().join("bag"), dir.path().join("again"));
        let recorded = drive(&scenario, &bag);
        let out = dir.path().join("made.yaml");
        let args = |bag: &Path, from: Option<&str>| Args {
            bag: bag.to_owned(),
            out: out.clone(),
            from: from.map(str::to_owned),
            to: None,
        };
        let made = extract(&args(&bag, None)).unwrap();
        assert_eq!(made.scenario.people.as_ref().map(Vec::len), Some(2));
        let repeated = drive(&out, &again);
        for run in [&recorded, &repeated] {
            let summary = crate::report::RunSummary::new(run, made.scenario.goal_tolerance_m);
            assert!(summary.reached() && summary.collisions == Some(0), "{:?}", summary.goal);
        }
        let goals = [&recorded, &repeated].map(|r| r.goals.last().map(|g| g.pose).unwrap());
        assert!(goals[0].position().distance_m(goals[1].position()) < 1e-3, "{goals:?}");
        let mut compared = 0;
        for (name, trail) in &recorded.actors {
            for (t_s, was) in trail {
                let Some(is) = at(&repeated.actors[name], *t_s) else { continue };
                assert!(was.distance_m(is) < SAME_M, "{name} at {t_s} s: {was:?} {is:?}");
                compared += 1;
            }
        }
        assert!(compared > 1000, "{compared}");
        assert!(extract(&args(&bag, None)).unwrap_err().to_string().contains("exists already"));
    }

    /// What the drive of a scenario with this fault does, and what its extract does: the events of both, and the faults
    /// of the extract.
    fn again(fault: &str) -> ([Vec<Event>; 2], Vec<Fault>) {
        let dir = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = fs::read_to_string(root.join("tests/scenarios/warehouse_crossing.yaml")).unwrap();
        let short = text.replace("time_limit_s: 120.0", "time_limit_s: 14.0");
        let scenario = dir.path().join("with_fault.yaml");
        fs::write(&scenario, format!("{short}faults:\n  - {fault}\n")).unwrap();
        let (bag, again) = (dir.path().join("bag"), dir.path().join("again"));
        drive(&scenario, &bag);
        let out = dir.path().join("made.yaml");
        let made = extract(&Args { bag: bag.clone(), out: out.clone(), from: None, to: None }).unwrap();
        drive(&out, &again);
        ([bag, again].map(|bag| events::read(&bag).unwrap()), made.scenario.faults)
    }

    /// What is different between what was put in and what came out, in words.
    fn differences(text: &str, least: usize) -> Vec<String> {
        let put: Fault = outrider_yaml::from_str(text).unwrap();
        let ([was, is], found) = again(text);
        let [one] = found.as_slice() else { return vec![format!("found {found:?}")] };
        let until = |fault: &Fault| fault.at_s + fault.for_s.unwrap_or(0.0);
        let mut told = Vec::new();
        if one.what != put.what
            || (one.at_s - put.at_s).abs() > 0.1
            || one.for_s.is_some() != put.for_s.is_some()
            || (until(one) - until(&put)).abs() > 0.15
        {
            told.push(format!("found {one:?}"));
        }
        let stops = |events: &[Event]| -> Vec<(f64, String)> {
            let words = |text: &str| text.chars().take_while(|c| !c.is_ascii_digit()).collect();
            let stops = events.iter().filter(|e| matches!(e.kind, "stop" | "wait") && e.t_s < 12.0);
            stops.map(|e| (e.t_s, words(&e.text))).collect()
        };
        let (was, is) = (stops(&was), stops(&is));
        let alike =
            |((t, text), (u, other)): (&(f64, String), &(f64, String))| (t - u).abs() < 0.2 && text == other;
        if was.len() < least || was.len() != is.len() || !was.iter().zip(&is).all(alike) {
            told.push(format!("stopped {was:?}, then {is:?}"));
        }
        told
    }

    #[test]
    fn a_fault_that_is_seen_happens_again_and_so_does_the_stop() {
        // What is put in, and how often the robot stops at least.
        let cases = [
            ("{at_s: 6.0, for_s: 1.5, what: {silent: scan}}", 1),
            ("{at_s: 6.0, for_s: 2.0, what: {frozen: odom}}", 0),
            ("{at_s: 6.0, for_s: 1.0, what: {not_a_number: scan}}", 1),
            ("{at_s: 6.0, what: {silent: odom}}", 1),
            ("{at_s: 6.0, for_s: 0.5, what: e_stop_pressed}", 1),
            ("{at_s: 6.0, for_s: 2.0, what: {node_frozen: planner}}", 1),
            ("{at_s: 6.0, for_s: 1.0, what: {node_killed: world_model}}", 0),
            ("{at_s: 6.0, what: {node_killed: assurance}}", 1),
        ];
        let told: Vec<_> = cases.into_iter().map(|(text, least)| (text, differences(text, least))).collect();
        assert!(told.iter().all(|(_, differences)| differences.is_empty()), "{told:#?}");
    }

    #[test]
    fn a_sound_drive_has_no_faults() {
        let ([was, _], found) = again("{at_s: 13.99, what: {silent: scan}}");
        assert_eq!((found, was.iter().filter(|e| e.kind == "stop").count()), (Vec::new(), 0));
    }
}
