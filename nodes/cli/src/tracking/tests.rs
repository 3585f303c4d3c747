//! A made-up bag whose scores are known, and bags that hold nothing to judge.

use super::*;
use outrider_bags::{BagWriter, WriterOptions};
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::std_msgs::Header;
use outrider_msgs::{encode, std_msgs};

fn header(step: i32) -> Header {
    Header {
        stamp: Time { sec: 10 + step / 10, nanosec: (step % 10) as u32 * 100_000_000 },
        frame_id: "map".into(),
    }
}

fn truth(step: i32) -> ours::GroundTruth {
    let actor = |name: &str, x: f64| ours::GroundTruthActor {
        name: name.into(),
        x,
        radius: 0.25,
        ..Default::default()
    };
    ours::GroundTruth {
        header: header(step),
        actors: vec![actor("anna", 3.0), actor("far", 30.0)],
        ..Default::default()
    }
}

/// One track of anna, 0.1 m beside her, of another id from the tenth time on.
fn model(step: i32) -> ours::WorldModel {
    let track = ours::Track {
        id: if step < 10 { 1 } else { 2 },
        state: ours::Track::CONFIRMED,
        x: 3.1,
        covariance: std::array::from_fn(|i| if i % 5 == 0 { 0.01 } else { 0.0 }),
        ..Default::default()
    };
    let mut model =
        ours::WorldModel { header: header(step), sequence: 1, tracks: vec![track], ..Default::default() };
    (model.local.header, model.local.resolution) = (header(step), 0.05);
    model
}

struct Bag {
    folder: tempfile::TempDir,
    writer: BagWriter,
}

impl Bag {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = BagWriter::create(folder.path().join("run.mcap"), &WriterOptions::default()).unwrap();
        Self { folder, writer }
    }

    fn put<T: Message>(&mut self, topic: &str, messages: &[T]) {
        let id = self.writer.add_channel(topic, T::TYPE_NAME, T::DEFINITION, "").unwrap();
        for (time, message) in (1u64..).zip(messages) {
            self.writer.write(id, time as u32, time, time, &encode(message).unwrap()).unwrap();
        }
    }

    fn evaluate(self, change: impl FnOnce(&mut Args)) -> anyhow::Result<Verdict> {
        self.writer.finish().unwrap();
        let mut args = Args {
            source: self.folder.path().join("run.mcap"),
            within: 8.0,
            hidden: false,
            config: PathBuf::new(),
            json: false,
        };
        change(&mut args);
        evaluate(&args)
    }
}

fn whole() -> Bag {
    let mut bag = Bag::new();
    bag.put("/sim/ground_truth", &(0..20).map(truth).collect::<Vec<_>>());
    bag.put("/world_model", &(0..20).map(model).collect::<Vec<_>>());
    bag
}

#[test]
fn the_scores_of_a_bag_are_those_by_hand() {
    let v = whole().evaluate(|_| ()).unwrap();
    let s = v.score;
    assert_eq!(
        (v.moments, v.without_truth, s.people, s.missed, s.invented, s.switches),
        (20, 0, 20, 0, 0, 1)
    );
    assert!(
        (s.mota - 0.95).abs() < 1e-12 && (s.gospa_m - 0.1).abs() < 1e-9 && (s.nees.mean - 1.0).abs() < 1e-9
    );
    assert_eq!(v.people.keys().collect::<Vec<_>>(), ["anna"]);
    assert!((v.people["anna"].error_m - 0.1).abs() < 1e-9 && v.people["anna"].ids == 2);
    let printed = text::text(&v);
    assert!(printed.contains("| 20 | 95.0 % | 0.100 m | 0 | 0 | 1 |"), "{printed}");
    assert!(printed.contains("| anna | 20 | 100.0 % | 2 | 0.100 m | 0.100 m |"), "{printed}");
    // Whoever is far away counts when it is asked for.
    let v = whole().evaluate(|a| a.within = 50.0).unwrap();
    assert_eq!((v.score.people, v.score.missed, v.people["far"].followed), (40, 20, 0));
}

#[test]
fn who_is_behind_a_wall_of_the_map_counts_only_when_asked_for() {
    let wall = || {
        let mut map = OccupancyGrid { header: header(0), data: vec![0, 100, 0, 0], ..Default::default() };
        (map.info.resolution, map.info.width, map.info.height) = (1.0, 4, 1);
        map.info.origin.orientation.w = 1.0;
        map.info.origin.position.y = -0.5;
        map
    };
    let mut bag = whole();
    bag.put("/map", &[wall()]);
    let error = bag.evaluate(|_| ()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "nobody ever was within 8 m of the robot and in sight: there is nobody to be followed"
        ),
        "{error}"
    );
    let mut bag = whole();
    bag.put("/map", &[wall()]);
    assert_eq!(bag.evaluate(|a| a.hidden = true).unwrap().score.people, 20);
}

#[test]
fn a_bag_with_nothing_to_judge_says_what_is_missing() {
    let said = |bag: Bag| bag.evaluate(|_| ()).unwrap_err().to_string();
    let mut bag = Bag::new();
    bag.put("/world_model", &[model(0)]);
    let error = said(bag);
    assert!(
        error.contains("no /sim/ground_truth in the bag: there is no truth to hold the tracks against"),
        "{error}"
    );
    let mut bag = Bag::new();
    bag.put("/sim/ground_truth", &[truth(0)]);
    assert!(said(bag).contains("no /world_model in the bag: there is nothing that was believed"));
    let mut bag = Bag::new();
    bag.put("/sim/ground_truth", &[std_msgs::Bool { data: true }]);
    bag.put("/world_model", &[model(0)]);
    assert!(said(bag).contains("/sim/ground_truth is std_msgs/msg/Bool, not outrider_msgs/msg/GroundTruth"));
    let mut bag = Bag::new();
    bag.put("/sim/ground_truth", &[truth(0)]);
    bag.put("/world_model", &(100..110).map(model).collect::<Vec<_>>());
    assert!(said(bag).contains("of 10 world models none has a truth of its time"));
    let mut bag = Bag::new();
    bag.put("/sim/ground_truth", &[truth(0)]);
    bag.put::<ours::WorldModel>("/world_model", &[]);
    assert!(said(bag).contains("/world_model holds no message"));
    assert!(whole().evaluate(|a| a.within = f64::NAN).is_err());
    let missing = whole().evaluate(|a| a.source = "none.mcap".into()).unwrap_err();
    assert!(format!("{missing:#}").contains("none.mcap"), "{missing:#}");
}

#[test]
fn messages_that_cannot_be_are_counted_and_named() {
    let mut bag = whole();
    let mut bad = truth(20);
    bad.actors[0].x = f64::NAN;
    bag.writer.add_channel("/other", "std_msgs/msg/Bool", std_msgs::Bool::DEFINITION, "").unwrap();
    let id = bag
        .writer
        .add_channel("/sim/ground_truth", ours::GroundTruth::TYPE_NAME, ours::GroundTruth::DEFINITION, "")
        .unwrap();
    bag.writer.write(id, 21, 21, 21, &encode(&bad).unwrap()).unwrap();
    let v = bag.evaluate(|_| ()).unwrap();
    assert_eq!((v.refused["/sim/ground_truth"], v.moments), (1, 20));
    assert!(v.reasons[0].contains("actors.anna[0]"), "{:?}", v.reasons);
    assert!(text::text(&v).contains("refused    1 of /sim/ground_truth"));
}

/// The scenario for tracking, driven: people are followed, and twice the same.
#[test]
fn a_scenario_is_driven_and_judged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let of = |scenario: &str| Args {
        source: root.join("tests/scenarios").join(scenario),
        within: 8.0,
        hidden: false,
        config: root.join("config"),
        json: true,
    };
    let v = evaluate(&of("tracking_crowd.yaml")).unwrap();
    let names: Vec<_> = v.people.keys().map(String::as_str).collect();
    assert_eq!(names, ["anna", "ben", "cleo", "dan", "eve"]);
    assert!(v.in_sight_only && v.moments > 500 && v.score.mota > 0.9, "{v:?}");
    assert!(v.score.gospa_m < 0.4 && v.score.nees.mean < 6.0, "{v:?}");
    assert_eq!(v, evaluate(&of("tracking_crowd.yaml")).unwrap());
    let error = evaluate(&of("none.yaml")).unwrap_err();
    assert!(format!("{error:#}").contains("none.yaml"), "{error:#}");
}
