//! The fault campaign: every row once, the same twice, and broken suites are caught.

use outrider_evaluation::faults::judge::Outcome;
use outrider_evaluation::faults::table::{self, Line, NOT_RUN};
use outrider_evaluation::faults::{Campaign, Catalogue, Expected, Row, Stage, Trial, campaign, merge};
use outrider_foundation::{Instant, Now};
use outrider_msgs::geometry_msgs::TwistStamped;
use outrider_msgs::outrider_msgs::{Command, OperatorRequest, Tick};
use outrider_msgs::std_msgs::Bool;
use outrider_runtime::{Around, HostedNode, Outputs, payload_digest};

const HOW: Campaign = Campaign { repetitions: 1, jobs: 2, seed: 7 };

fn run(rows: &[&Row]) -> Vec<Line> {
    campaign(&Stage::load().unwrap(), rows, HOW, &|_, _| {})
}

#[test]
fn every_row_is_as_it_must_be() {
    let catalogue = Catalogue::load().unwrap();
    let lines = run(&catalogue.rows.iter().collect::<Vec<_>>());
    assert_eq!(lines.len(), catalogue.rows.len());
    // A hole that is known is a miss; one that is closed is no longer in the catalogue.
    let is_hole = |line: &Line| catalogue.rows.iter().any(|r| r.id == line.get("row") && !r.hole.is_empty());
    let wrong: Vec<_> = lines.iter().filter(|line| line.is_ok() == is_hole(line)).cloned().collect();
    assert!(wrong.is_empty(), "{}", table::text(&wrong));
    let harmless = lines.iter().all(|line| {
        ["collisions", "envelope_violations", "restarts"].iter().all(|column| line.get(column) == "0")
    });
    assert!(harmless, "{}", table::text(&lines));
}

#[test]
fn the_same_seed_gives_the_same_table_and_another_one_does_not() {
    let catalogue = Catalogue::load().unwrap();
    let named =
        |id: &&Row| matches!(id.id.as_str(), "permits_bit_flipped" | "loss_30_percent" | "gate_restarted");
    let rows: Vec<&Row> = catalogue.rows.iter().filter(named).collect();
    assert_eq!(rows.len(), 3);
    let first = run(&rows);
    assert_eq!(first, run(&rows));
    let other = campaign(&Stage::load().unwrap(), &rows, Campaign { seed: 8, jobs: 1, ..HOW }, &|_, _| {});
    assert_ne!(first, other);
}

/// A gate with something wrong about it.
struct Broken {
    gate: Box<dyn HostedNode>,
    harm: Harm,
    /// The last proposal of the planner that has arrived, and the last velocity that was published.
    proposal: TwistStamped,
    published: TwistStamped,
    /// It has driven: before that even a broken one does as it must.
    fast: bool,
    pressed: bool,
    released_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq)]
enum Harm {
    /// It is not there: the planner drives the robot itself.
    Bypassed,
    /// Without a permit it goes on as before.
    HoldsOn,
    /// Whenever it is disarmed it arms itself.
    ArmsItself,
    /// It knows no ramp up.
    NoSlew,
    /// It brakes half as hard.
    GentleRamp,
}

impl Broken {
    fn wrap(node: Box<dyn HostedNode>, harm: Harm) -> Box<dyn HostedNode> {
        if node.spec().name != "gate" {
            return node;
        }
        let (proposal, published) = (TwistStamped::default(), TwistStamped::default());
        Box::new(Self {
            gate: node,
            harm,
            proposal,
            published,
            fast: false,
            pressed: false,
            released_at: None,
        })
    }

    /// A reset when the button has been released, and from then on "arm" with every proposal.
    fn arm(&mut self, now: Instant) {
        let Some(released_at) = self.released_at else { return };
        let at_once = now.since(released_at).as_s() < 0.03;
        let action = if at_once { OperatorRequest::RESET } else { OperatorRequest::ARM };
        let request = OperatorRequest { action, ..OperatorRequest::default() };
        let bytes = outrider_msgs::encode(&request).unwrap();
        self.gate.deliver(self.input("gate/operator_request"), now, &bytes);
    }

    fn input(&self, name: &str) -> usize {
        self.gate.inputs().iter().position(|topic| topic.name == name).unwrap()
    }
}

impl Around for Broken {
    fn inner(&self) -> &dyn HostedNode {
        self.gate.as_ref()
    }
    fn inner_mut(&mut self) -> &mut dyn HostedNode {
        self.gate.as_mut()
    }
    fn deliver_digested(&mut self, input: usize, received: Instant, bytes: &[u8], digest: u64) {
        if input == self.input("cmd_vel_nominal")
            && let Ok(command) = outrider_msgs::decode::<Command>(bytes)
        {
            self.proposal.twist.linear.x = command.v;
            self.proposal.twist.angular.z = command.w;
        }
        if input == self.input("e_stop")
            && let Ok(button) = outrider_msgs::decode::<Bool>(bytes)
        {
            self.released_at = (self.pressed && !button.data).then_some(received);
            self.pressed = button.data;
        }
        if self.harm == Harm::ArmsItself && input == self.input("cmd_vel_nominal") {
            self.arm(received);
        }
        self.gate.deliver_digested(input, received, bytes, digest);
    }
    fn step(&mut self, now: Now, outputs: &mut Outputs) -> &mut Tick {
        let (harm, proposal) = (self.harm, self.proposal.clone());
        let (mut before, mut fast) = (self.published.clone(), self.fast);
        let tick = self.gate.step(now, &mut |output, bytes, digest| {
            if output != 0 {
                outputs(output, bytes, digest);
                return;
            }
            let own: TwistStamped = outrider_msgs::decode(&bytes).unwrap();
            fast |= own.twist.linear.x > 0.4;
            let (v, was) = (own.twist.linear.x, before.twist.linear.x);
            let mut out = own.clone();
            match harm {
                Harm::Bypassed if fast => out.twist = proposal.twist.clone(),
                Harm::HoldsOn if v < was => out.twist = before.twist.clone(),
                Harm::NoSlew if v > was => out.twist.linear.x = 1.0,
                Harm::GentleRamp if v < was => out.twist.linear.x = (was - 0.006).max(v),
                _ => {}
            }
            before = out.clone();
            let bytes = outrider_msgs::encode(&out).unwrap();
            let digest = payload_digest(&bytes);
            outputs(output, bytes, digest);
        });
        (self.published, self.fast) = (before, fast);
        tick
    }
}

fn row(id: &str) -> Row {
    Catalogue::load().unwrap().rows.into_iter().find(|row| row.id == id).unwrap()
}

fn sabotaged(id: &str, harm: Harm) -> Outcome {
    let row = row(id);
    let trial = Trial { row: &row, repetition: 0, seed: 7 };
    trial.run(&Stage::load().unwrap(), &move |node| Broken::wrap(node, harm)).unwrap()
}

fn misses(outcome: &Outcome, word: &str) {
    assert!(outcome.misses.iter().any(|m| m.contains(word)), "`{word}` is not in {:?}", outcome.misses);
}

#[test]
fn a_suite_without_a_gate_is_caught() {
    let outcome = sabotaged("assurance_killed", Harm::Bypassed);
    misses(&outcome, "no commanded zero");
    misses(&outcome, "out of the envelope");
}

#[test]
fn a_gate_that_goes_on_without_permits_is_caught() {
    let outcome = sabotaged("assurance_killed", Harm::HoldsOn);
    // It stands in the end, against the block.
    misses(&outcome, "standstill [s]");
    misses(&outcome, "collisions");
    misses(&outcome, "nobody permitted this");
}

#[test]
fn a_gate_that_arms_itself_is_caught() {
    misses(&sabotaged("e_stop_released", Harm::ArmsItself), "without anybody having armed");
}

#[test]
fn a_gate_without_slew_is_caught() {
    misses(&sabotaged("permits_late", Harm::NoSlew), "m/s in 0.010 s");
}

#[test]
fn a_gate_that_brakes_too_gently_is_caught() {
    let outcome = sabotaged("assurance_killed", Harm::GentleRamp);
    misses(&outcome, "way [m]");
    misses(&outcome, "standstill [s]");
}

/// Expectations that are wrong on purpose.
#[test]
fn a_fault_that_does_not_do_what_is_expected_is_a_miss() {
    let stage = Stage::load().unwrap();
    let outcome = |row: &Row| Trial { row, repetition: 0, seed: 7 }.run(&stage, &|node| node).unwrap();
    // It does not stop.
    let late = Row { expected: Expected::Stops, react: row("assurance_killed").react, ..row("permits_late") };
    misses(&outcome(&late), "no commanded zero");
    // It stops.
    let killed = Row { expected: Expected::RidesThrough, ..row("assurance_killed") };
    misses(&outcome(&killed), "did not forward");
    // It stops for another reason, and later.
    let other = Row { because: vec!["scan_age".to_owned()], ..row("assurance_killed") };
    misses(&outcome(&other), "another reason");
    let sooner = Row { react: vec![], ..row("scan_frozen") };
    misses(&outcome(&sooner), "slower command");
    // It is armed, it starts.
    let armed = Row { because: vec!["nothing".to_owned()], ..row("empty_zones") };
    misses(&outcome(&armed), "another reason");
}

#[test]
fn what_was_not_run_is_in_the_table_and_fails() {
    let catalogue = Catalogue::load().unwrap();
    let lines = merge::complete(Vec::new(), Vec::new(), &catalogue);
    assert_eq!(lines.len(), catalogue.rows.len() + catalogue.live.len());
    assert!(lines.iter().all(|line| line.get("verdict") == NOT_RUN && !line.is_ok()));
}

#[test]
fn a_row_without_code_and_code_without_a_row_are_refused() {
    let text =
        std::fs::read_to_string(outrider_evaluation::root().join("tests/faults/catalogue.yaml")).unwrap();
    let renamed = Catalogue::parse(&text.replace("id: map_swap", "id: map_swop")).unwrap_err().to_string();
    assert!(renamed.contains("no code for the fault `map_swop`"), "{renamed}");
    let start = text.find("  - id: uncertainty_tracks").unwrap();
    let end = start + text[start..].find("  # ----").unwrap();
    let without = format!("{}{}", &text[..start], &text[end..]);
    let missing = Catalogue::parse(&without).unwrap_err().to_string();
    assert!(missing.contains("uncertainty_tracks"), "{missing}");
    let unknown = text.replacen("    why:", "    wy: \"x\"\n    why:", 1);
    assert!(Catalogue::parse(&unknown).unwrap_err().to_string().contains("wy"));
}
