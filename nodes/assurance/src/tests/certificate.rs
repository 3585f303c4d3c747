//! Two ways to reckon that disagree.

use super::support::{Rig, Scene, passes, permit};
use crate::certificate::Certifier;
use outrider_foundation::data::{Mode, Verdict};
use outrider_foundation::{Footprint, Span, Twist2};

#[test]
fn nothing_is_permitted_while_they_disagree() {
    let cruise = Twist2::new(0.5, 0.1);
    let mut rig = Rig::moving(Scene::wall(4.0, 0.3), cruise);
    assert!(passes(&rig.propose(cruise)), "{:#?}", rig.state());
    assert_eq!(rig.reading("certificate").verdict, Verdict::Ok);
    rig.wait(Span::from_millis(25));
    rig.data();
    // One of them has an outline that is 2 cm longer.
    let sound = rig.node.certifier.clone();
    rig.node.certifier = Certifier::new(&Footprint::rectangle(0.37, 0.35, 0.5).unwrap()).unwrap();
    let outputs = rig.propose(cruise);
    let reading = rig.reading("certificate");
    assert_eq!(reading.verdict, Verdict::Invalid, "{reading:?}");
    assert!((0.01..=0.02).contains(&reading.value), "{reading:?}");
    assert!(permit(&outputs).is_none(), "not even a stop: the gate makes that by itself");
    assert_eq!(rig.interventions().last().unwrap().rule, "certificate");
    assert_eq!(rig.mode(), Mode::Nominal);
    rig.wait(Span::from_millis(25));
    rig.data();
    rig.node.certifier = sound;
    assert!(passes(&rig.propose(cruise)), "{:#?}", rig.state());
}
