//! A tick takes nothing from the heap, also with ports, scripts, subtrees, timers and halting.

use crate::counting::allocations;
use outrider_bt::{Class, Fault, Io, Kind, Leaf, Manifest, Port, Registry, Status, Tree};
use outrider_foundation::Instant;

/// Counts its ticks; fails in every seventh, runs in every third.
struct Counter(u64);

impl Leaf<u64> for Counter {
    fn tick(&mut self, io: &mut Io<'_>, sum: &mut u64) -> Result<Status, Fault> {
        self.0 += 1;
        *sum += 1;
        if io.has("in") {
            let value = io.number("in")?;
            io.output("out", value + 1.0)?;
        }
        Ok(match self.0 {
            n if n % 7 == 0 => Status::Failure,
            n if n % 3 == 0 => Status::Running,
            _ => Status::Success,
        })
    }
}

fn registry() -> Registry<u64> {
    let mut registry = Registry::new();
    for name in ["Leaf", "Check"] {
        let class = if name == "Leaf" { Class::Action } else { Class::Condition };
        let ports = [Port::input("in", Kind::Double, "").or(""), Port::output("out", Kind::Double, "")];
        registry.leaf(Manifest::new(name, class, "", "").ports(ports), |_| Ok(Box::new(Counter(0))));
    }
    registry
}

fn count(xml: &str) -> u64 {
    let mut tree = Tree::parse(xml, &registry()).unwrap();
    tree.keep_journal(64);
    let mut sum = 0;
    let mut tick = |number: i64| {
        let _ = tree.tick_exactly_once(Instant::from_nanos(number * 10_000_000), &mut sum).unwrap();
    };
    // Entries are written for the first time.
    (0..200).for_each(&mut tick);
    allocations(|| (200..2000).for_each(&mut tick))
}

#[test]
fn a_tick_takes_nothing_from_the_heap() {
    for shape in crate::shapes::ALL {
        for nodes in [10, 50, 200] {
            assert_eq!(count(&crate::shapes::tree(shape, nodes)), 0, "{shape:?} of {nodes}");
        }
    }
}

#[test]
fn a_tick_of_subtrees_timers_and_texts_takes_nothing_from_the_heap() {
    let xml = "<root main_tree_to_execute=\"M\"><BehaviorTree ID=\"M\"><KeepRunningUntilFailure><ForceSuccess><ParallelAll>\
        <RunOnce><Script code=\"x := 1.0; w := 'stay'; t2 := 'go'\"/></RunOnce>\
        <SubTree ID=\"S\" in=\"{x}\" speed=\"2\"/><Timeout msec=\"50\"><Leaf in=\"{x}\" out=\"{z}\"/></Timeout>\
        <RateController hz=\"20\"><Delay delay_msec=\"20\"><Leaf/></Delay></RateController>\
        <Script code=\"t := 'go'; t = t == 'go' ? 'stay' : 'go'\"/>\
        <Switch2 variable=\"{t2}\" case_1=\"go\" case_2=\"{w}\"><Leaf/><Leaf/><Leaf/></Switch2>\
        <RecoveryNode number_of_retries=\"2\"><Leaf/><Leaf/></RecoveryNode></ParallelAll></ForceSuccess>\
        </KeepRunningUntilFailure></BehaviorTree><BehaviorTree ID=\"S\"><ReactiveFallback><Leaf in=\"{in}\" out=\"{in}\" \
        _while=\"in &lt; 9 || in &gt; 0\" _onHalted=\"in = 0\"/><Leaf _skipIf=\"speed == 3\"/></ReactiveFallback></BehaviorTree></root>";
    assert_eq!(count(xml), 0);
}

/// The count above can be other than zero.
#[test]
fn a_script_that_makes_text_is_counted() {
    assert!(
        count("<root><BehaviorTree><Script code=\"t := 'a'; t = 'b' + 'c'\"/></BehaviorTree></root>") > 0
    );
}
