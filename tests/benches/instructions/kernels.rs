//! The work that is counted: its set-up is that of the benchmarks beside the code, and is not counted.

use crate::drive::{Meter, Step, corridor_m, drive};
use crate::halls::{config, hall, halls, plan_grid, problems, router};
use crate::people::{CELLS, Field, Straightener, Whole, layer, scan};
use crate::sampling::{Place, controller};
use crate::shapes::{Shape, tree};
use crate::traces::{PERIOD, monitor, permitted, trace};
use outrider_bt::Tree;
use outrider_foundation::grid::FrameId;
use outrider_foundation::robot::{Robot, example};
use outrider_foundation::{Instant, Pose2, Twist2};
use outrider_planner::mppi::Level;
use outrider_planner::search::{AStar, Ground};
use std::hint::black_box;

/// Counts calls; Callgrind counts what happens in them.
#[derive(Default)]
pub struct Counter {
    pub calls: u64,
}

impl Counter {
    fn count(&mut self, work: &mut dyn FnMut()) {
        self.calls += 1;
        outrider_counted(work);
    }
}

/// Callgrind collects from here on until it returns: the name is what it is told.
#[inline(never)]
fn outrider_counted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// A name and what is done under it.
pub type Kernel = (&'static str, fn(&mut Counter));

pub const KERNELS: [Kernel; 14] = [
    ("mppi_decision_baseline", |counter| mppi(counter, Level::Baseline)),
    ("mppi_decision_avx2", |counter| mppi(counter, Level::Avx2)),
    ("plan_search", plan_search),
    ("plan_route", plan_route),
    ("tree_tick_50_nodes_scripts", tree_tick),
    ("world_model_step", world_model_step),
    ("world_model_beams", world_model_beams),
    ("world_model_clear_and_mark", world_model_mark),
    ("world_model_distance_field", world_model_field),
    ("assurance_command", |counter| step(counter, Step::Command)),
    ("assurance_all", |counter| step(counter, Step::All)),
    ("assurance_scan", |counter| step(counter, Step::Scan)),
    ("gate_period", |counter| step(counter, Step::Permit)),
    ("stl_update", stl_update),
];

/// Calls that only fill buffers and caches come first: the robot does its work over and over.
fn after(warm_up: u64, calls: u64, counter: &mut Counter, mut work: impl FnMut(u64)) {
    (0..warm_up).for_each(&mut work);
    (warm_up..warm_up + calls).for_each(|i| counter.count(&mut || work(i)));
}

fn mppi(counter: &mut Counter, level: Level) {
    let place = Place::busy();
    let moving = place.moving();
    let request = place.request(&moving, Pose2::new(-0.05, 0.02, 0.1), Twist2::new(0.5, 0.1));
    let mut mppi = controller();
    mppi.set_level(level);
    after(2, 5, counter, |_| {
        black_box(mppi.decide(black_box(&request)));
    });
}

/// Problems between the shelves.
const PLANS: usize = 6;

fn plan_search(counter: &mut Counter) {
    let [_, (_, shelves), _] = halls();
    let grid = plan_grid(&hall(&shelves));
    let (problems, mut astar, limit) =
        (problems(&grid, PLANS), AStar::default(), config().search.expansion_limit);
    after(1, PLANS as u64 - 1, counter, |i| {
        let (start, goal) = problems[i as usize];
        assert!(black_box(astar.search(&grid, start, goal, limit)).unwrap().reached);
    });
}

fn plan_route(counter: &mut Counter) {
    let [_, (_, shelves), _] = halls();
    let costs = hall(&shelves);
    let grid = plan_grid(&costs);
    let (problems, mut router) = (problems(&grid, PLANS), router());
    after(1, PLANS as u64 - 1, counter, |i| {
        let (start, goal) = problems[i as usize];
        let (from, to) = (grid.centre_of(start), grid.centre_of(goal));
        router.prepare(&Ground { base: &costs, overlay: None, discs: &[], one_way: &[] }, to);
        black_box(router.plan(FrameId::Map, from, Pose2::new(to.x_m, to.y_m, 0.0))).unwrap();
    });
}

fn tree_tick(counter: &mut Counter) {
    let mut tree = Tree::parse(&tree(Shape::Scripts, 50), &crate::plain::registry()).unwrap();
    let mut sum = 0;
    after(20, 100, counter, |i| {
        let now = Instant::from_nanos(i as i64 * 10_000_000);
        let _ = black_box(tree.tick_exactly_once(now, &mut sum).unwrap());
    });
}

fn world_model_step(counter: &mut Counter) {
    let mut node = Whole::new(&robot());
    for cycle in 0..40 {
        let inputs = node.odometry(cycle);
        let mut work = || node.take(cycle, black_box(&inputs));
        if cycle < 20 {
            work()
        } else {
            counter.count(&mut work)
        }
        assert!(node.told().is_some());
    }
}

fn world_model_beams(counter: &mut Counter) {
    let mut straight = Straightener::new(&robot());
    let scans: Vec<_> = (0..22).map(scan).collect();
    after(2, 20, counter, |i| straight.take(black_box(&scans[i as usize])));
}

fn world_model_mark(counter: &mut Counter) {
    let (mut straight, mut layer) = (Straightener::new(&robot()), layer());
    for cycle in 0..40 {
        straight.take(&scan(cycle));
        let mut work = || layer.integrate(black_box(&straight.beams));
        if cycle < 20 { work() } else { counter.count(&mut work) }
    }
}

fn world_model_field(counter: &mut Counter) {
    let mut field = Field::new(CELLS);
    let lethal: Vec<_> = (0..12).map(|cycle| field.lethal(cycle)).collect();
    after(2, 10, counter, |i| field.fill(black_box(&lethal[i as usize])));
    black_box(&field.cost);
}

/// Periods of the gate until everything is known and the mode is NOMINAL.
const SETTLED: u64 = 800;

/// Counts one kind of step of assurance or the gate, and lets the others pass.
struct Only<'a> {
    step: Step,
    counter: &'a mut Counter,
}

impl Meter for Only<'_> {
    fn around(&mut self, step: Step, cycle: u64, work: &mut dyn FnMut()) {
        if step == self.step && cycle >= SETTLED { self.counter.count(work) } else { work() }
    }
}

/// In the corridor, where most of the scan is near.
fn step(counter: &mut Counter, step: Step) {
    drive(corridor_m, SETTLED, SETTLED + 100, &mut Only { step, counter });
}

fn stl_update(counter: &mut Counter) {
    let mut monitor = monitor(&permitted(10));
    let trace = trace(5_000);
    after(2_000, 3_000, counter, |i| {
        let [speed, permit] = trace[i as usize];
        let at = Instant::from_nanos(PERIOD.nanos() * i as i64);
        black_box(monitor.update(at, black_box(&[Some(speed), Some(permit)])));
    });
}

fn robot() -> Robot {
    Robot::new(example::amr()).unwrap()
}
