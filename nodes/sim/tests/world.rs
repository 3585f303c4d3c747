//! World files: what is read, what is refused and where, and the shipped world.

use outrider_foundation::data::OccupancyMap;
use outrider_foundation::{Point2, Stamp};
use outrider_sim::{Raster, SimError, Solid, World};

const WAREHOUSE: &str = include_str!("../../../config/worlds/warehouse.sdf");
/// As the comment at the head of the world file names them.
const START: Point2 = Point2::new(-8.9, -4.3);
const GOAL: Point2 = Point2::new(8.5, 3.0);

/// What is wrong with a file: line, column, element, what was expected, what was found.
fn fault(sdf: &str) -> (u32, u32, String, &'static str, String) {
    match World::load(sdf) {
        Err(SimError::Element { line, column, element, expected, found, .. }) => {
            (line, column, element, expected, found)
        }
        other => panic!("{other:?}"),
    }
}

fn model(body: &str) -> String {
    format!(
        "<sdf version='1.9'>\n<world name='w'>\n<model name='m'><static>1</static>\n{body}\n</model></world></sdf>"
    )
}

fn collision(geometry: &str) -> String {
    model(&format!(
        "<link name='l'><collision name='c'>\n  <geometry>{geometry}</geometry></collision></link>"
    ))
}

#[test]
fn errors_say_where_and_what() {
    let text = World::load("<sdf version='1.9'>\n  <world name='w'></model>").unwrap_err().to_string();
    assert!(text.contains("2:") && text.contains("model"), "{text}");

    let (line, column, element, expected, found) = fault(&collision("<box><size>1 two 3</size></box>"));
    assert_eq!((line, column, element.as_str(), found.as_str()), (5, 18, "size", "1 two 3"));
    assert!(expected.contains('3'));

    for bad in ["1 1", "1 1 1 1", "1 0 1", "1 -1 1", "1 nan 1", "1 inf 1", "1 1e9 1", ""] {
        let (line, ..) = fault(&collision(&format!("<box><size>{bad}</size></box>")));
        assert_eq!(line, 5, "{bad}");
    }
    let (.., element, expected, found) = fault(&collision("<cylinder><radius>1</radius></cylinder>"));
    assert_eq!((element.as_str(), expected, found.as_str()), ("cylinder", "a <length>", "none"));
    assert_eq!(fault(&collision("")).2, "geometry");
    assert_eq!(fault(&model("<link name='l'><pose>0 0 0</pose></link>")).2, "pose");
    assert_eq!(fault(&model("<link/>")).3, "a name attribute");
    assert_eq!(fault("<world/>").2, "world");
    assert_eq!(fault("<sdf version='2.0'/>").4, "2.0");
    assert_eq!(fault("<sdf version='1.9'/>").3, "one <world>");
    let text = World::load(&model("<static>perhaps</static>")).map(|w| w.statics().len());
    assert_eq!(text, Ok(0), "the first <static> holds");
}

fn actor(script: &str) -> String {
    format!(
        "<sdf version='1.9'><world name='w'><actor name='a'><script>\n{script}</script></actor></world></sdf>"
    )
}

#[test]
fn scripts_are_checked() {
    let waypoint = |t: &str| format!("<waypoint><time>{t}</time><pose>{t} 0 0 0 0 0</pose></waypoint>\n");
    let one = |points: &[&str]| {
        let body: String = points.iter().map(|t| waypoint(t)).collect();
        actor(&format!("<trajectory id='0' type='walk'>\n{body}</trajectory>"))
    };
    assert_eq!(World::load(&one(&["0", "1", "2.5"])).unwrap().actors()[0].waypoints.len(), 3);
    assert_eq!((fault(&one(&["0", "2", "2"])).0, fault(&one(&["0", "2", "2"])).2.as_str()), (5, "time"));
    assert_eq!(fault(&one(&["-1"])).0, 3);
    assert_eq!(fault(&actor("<loop>sometimes</loop>")).4, "sometimes");
    assert_eq!(fault(&actor("<trajectory type='walk'/>")).2, "trajectory");
    // Two trajectories follow one another by id.
    let two = actor(&format!(
        "<trajectory id='1'>{}{}</trajectory><trajectory id='0'>{}{}</trajectory>",
        waypoint("0"),
        waypoint("3"),
        waypoint("0"),
        waypoint("5")
    ));
    let world = World::load(&two).unwrap();
    let times: Vec<f64> = world.actors()[0].waypoints.iter().map(|w| w.time_s).collect();
    assert_eq!(times, [0.0, 5.0, 5.0, 8.0]);
    assert!((world.actors()[0].motion_at(6.0).pose.x_m - 1.0).abs() < 1e-12);
}

#[test]
fn poses_compose_through_nested_models() {
    let sdf = model(
        "<pose>1 2 0 0 0 1.5707963267948966</pose>
         <model name='inner'><pose degrees='true'>1 0 0 0 0 90</pose>
         <link name='l'><pose rotation_format='quat_xyzw'>0 0 0.5 0 0 0 1</pose><collision name='c'>
         <pose>1 0 0 0 0 0</pose><geometry><sphere><radius>0.5</radius></sphere></geometry></collision></link></model>",
    );
    let world = World::load(&sdf).unwrap();
    let shape = &world.statics()[0];
    assert_eq!((shape.name.as_str(), shape.solid), ("m::inner", Solid::Sphere { radius_m: 0.5 }));
    let at = shape.world_from_shape.translation.vector;
    assert!((at - nalgebra::Vector3::new(0.0, 3.0, 0.5)).norm() < 1e-12, "{at}");
    assert_eq!(world.unsupported(), &[]);
}

#[test]
fn what_is_not_simulated_is_listed_with_its_line() {
    let sdf = "<sdf version='1.9'>\n<world name='w'>\n<include><uri>model://sun</uri></include>\n\
               <include><uri>model://truck</uri></include>\n<road name='r'/>\n<model name='loose'>\n\
               <link name='l'><collision name='c'><geometry>\n<mesh><uri>x</uri></mesh></geometry></collision>\n\
               <joint_state/></link></model>\n<model name='tied'><static>true</static>\n\
               <pose relative_to='nobody'>1 0 0 0 0 0</pose><link name='l'/></model>\n\
               <actor name='a'>\n<plugin name='p' filename='f'/></actor>\n</world></sdf>";
    let world = World::load(sdf).unwrap();
    let listed: Vec<(u32, &str)> = world.unsupported().iter().map(|u| (u.line, u.element.as_str())).collect();
    let expected = [
        (4, "include"),
        (5, "road"),
        (6, "model"),
        (8, "mesh"),
        (9, "joint_state"),
        (10, "model"),
        (13, "plugin"),
    ];
    assert_eq!(listed, expected);
    assert!(world.statics().is_empty());
}

#[test]
fn too_much_is_refused() {
    let limit = |sdf: &str| match World::load(sdf) {
        Err(SimError::Limit { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(&" ".repeat(World::BYTES_LIMIT + 1)), "bytes of the world file");
    let ball = "<collision name='c'><geometry><sphere><radius>1</radius></sphere></geometry></collision>";
    let many = ball.repeat(World::SHAPE_LIMIT + 1);
    assert_eq!(limit(&model(&format!("<link name='l'>{many}</link>"))), "collision shapes");
    let deep = "<model name='d'>".repeat(2000) + &"</model>".repeat(2000);
    assert_eq!(fault(&model(&deep)).3, "models nested at most 8 deep");
    let odd = World::load(&model(&"<odd/>".repeat(300))).unwrap();
    assert_eq!((odd.unsupported().len(), odd.unsupported_dropped()), (World::UNSUPPORTED_LIMIT, 44));
}

#[test]
fn poses_are_relative_to_frames_links_and_models() {
    let cube = "<collision name='c'><geometry><box><size>1 1 1</size></box></geometry></collision>";
    let world = |models: &str| {
        World::load(&format!("<sdf version='1.9'><world name='w'>{models}</world></sdf>")).unwrap()
    };
    let found = world(&format!(
        "<frame name='dock'><pose>0 10 0 0 0 0</pose></frame><model name='a'><static>1</static>\
         <pose relative_to='dock'>1 0 0 0 0 1.5707963267948966</pose><link name='l'><pose>0 0 1 0 0 0</pose>{cube}</link>\
         <link name='m'><pose relative_to='l'>2 0 0 0 0 0</pose>{cube}</link></model>\
         <model name='b'><static>1</static><pose relative_to='a'>0 -3 0 0 0 0</pose><link name='l'>{cube}</link></model>"
    ));
    assert_eq!(found.unsupported(), &[]);
    let at: Vec<_> = found.statics().iter().map(|s| s.world_from_shape.translation.vector).collect();
    let expected = [(1.0, 10.0, 1.0), (1.0, 12.0, 1.0), (4.0, 10.0, 0.0)];
    for (at, (x, y, z)) in at.iter().zip(expected) {
        assert!((at - nalgebra::Vector3::new(x, y, z)).norm() < 1e-9, "{at}");
    }
    let circle = world(
        "<frame name='f'><pose relative_to='g'>1 0 0 0 0 0</pose></frame><frame name='g'><pose relative_to='f'>1 0 0 0 0 0</pose></frame>\
         <model name='a'><static>1</static><pose relative_to='f'>1 0 0 0 0 0</pose></model>",
    );
    assert_eq!(circle.unsupported().len(), 1);
}

#[test]
fn capsules_and_polylines_are_solids() {
    let shape = |geometry: &str| {
        let model = format!(
            "<sdf version='1.9'><world name='w'><model name='m'><static>1</static><link name='l'><collision name='c'>\
             <geometry>{geometry}</geometry></collision></link></model></world></sdf>"
        );
        World::load(&model)
    };
    let capsule = shape("<capsule><radius>0.5</radius><length>2</length></capsule>").unwrap();
    let range = capsule
        .statics()
        .iter()
        .map(|s| s.z_range_m())
        .fold((0.0, 0.0), |a, b| (f64::min(a.0, b.0), f64::max(a.1, b.1)));
    assert_eq!((capsule.statics().len(), range), (3, (-1.5, 1.5)));
    let corner = "<polyline><height>2</height><point>0 0</point><point>2 0</point><point>2 1</point><point>1 1</point>\
                  <point>1 2</point><point>0 2</point></polyline>";
    let corner = shape(corner).unwrap();
    let area = |outline: &outrider_sim::Outline| match outline {
        outrider_sim::Outline::Polygon(c) => outrider_foundation::polygon::area_m2(c).abs(),
        outrider_sim::Outline::Disc { .. } => f64::NAN,
    };
    let cut = corner.outlines(1.9);
    assert!((cut.iter().map(area).sum::<f64>() - 3.0).abs() < 1e-9 && corner.outlines(2.1).is_empty());
    let text = shape("<polyline><point>0 0</point><point>1 1</point></polyline>").unwrap_err().to_string();
    assert!(text.contains("<polyline>: expected 3 or more points"), "{text}");
}

#[test]
fn models_are_included_from_their_files() {
    let world = "<sdf version='1.9'><world name='w'><include><uri>model://shelf</uri><name>left</name>\
                 <pose>0 5 0 0 0 0</pose><static>true</static></include>\n<include><uri>https://x/y/truck</uri></include>\
                 <include><uri>model://sun</uri></include></world></sdf>";
    let shelf = "<sdf version='1.7'><model name='shelf'><pose>9 9 9 0 0 0</pose><link name='l'><collision name='c'><geometry>\
                 <box><size>1 1 1</size></box></geometry></collision><odd/></link></model></sdf>";
    assert_eq!(World::includes(world).unwrap(), ["shelf", "truck"]);
    let read = World::load_with(world, |name| (name == "shelf").then_some(shelf)).unwrap();
    let [left] = read.statics() else { panic!("{:?}", read.statics()) };
    assert_eq!((left.name.as_str(), left.world_from_shape.translation.y), ("left", 5.0));
    let listed: Vec<_> = read.unsupported().iter().map(|u| u.reason.as_str()).collect();
    assert_eq!(
        listed,
        [
            "not simulated (in the model shelf)",
            "left out: there is no models/truck/model.sdf for https://x/y/truck"
        ]
    );
    let bad = World::load_with(world, |_| Some("<sdf version='1.9'><model name='s'><link/></model></sdf>"));
    assert!(bad.unwrap_err().to_string().starts_with("the model shelf: world, line 1"));
}

#[test]
fn every_shipped_world_loads_completely() {
    let worlds = [
        (include_str!("../../../config/worlds/rooms.sdf"), (-11.0, 0.0)),
        (include_str!("../../../config/worlds/ward.sdf"), (-8.0, 0.0)),
        (include_str!("../../../config/worlds/racks.sdf"), (-18.0, -2.1)),
        (include_str!("../../../config/worlds/narrow.sdf"), (-6.0, 0.0)),
    ];
    for (sdf, (x, y)) in worlds {
        let world = World::load(sdf).unwrap();
        assert_eq!(world.unsupported(), &[], "{}", world.name());
        let config: outrider_sim::Config =
            outrider_yaml::from_str(include_str!("../../../config/sim.yaml")).unwrap();
        let robot = outrider_foundation::Robot::new(outrider_foundation::robot::example::amr()).unwrap();
        let start = outrider_foundation::Pose2::new(x, y, 0.0);
        outrider_sim::SimNode::in_world(config, &robot, world, start, 1).unwrap();
    }
}

/// Nesting as deep as a file can hold must not exhaust the stack.
#[test]
fn deep_nonsense_is_survived() {
    let depth = 200_000;
    let sdf = format!(
        "<sdf version='1.9'><world name='w'>{}{}</world></sdf>",
        "<x>".repeat(depth),
        "</x>".repeat(depth)
    );
    assert_eq!(World::load(&sdf).unwrap().unsupported().len(), 1);
}

fn warehouse_map() -> OccupancyMap {
    let raster = Raster {
        height_m: 0.25,
        resolution_m: 0.05,
        margin_m: 0.5,
        frame: "map".into(),
        stamp: Stamp::default(),
    };
    World::load(WAREHOUSE).unwrap().rasterise(&raster).unwrap()
}

#[test]
fn the_shipped_world_loads_completely() {
    let world = World::load(WAREHOUSE).unwrap();
    assert_eq!(world.unsupported(), &[], "nothing of it is left out");
    assert_eq!((world.name(), world.statics().len(), world.actors().len()), ("warehouse", 25, 2));
    let map = warehouse_map();
    assert_eq!(map.cells.len(), map.width as usize * map.height as usize);
    assert!(
        (f64::from(map.width) * 0.05 - 21.2).abs() < 0.11
            && (f64::from(map.height) * 0.05 - 13.2).abs() < 0.11
    );
}

/// Cells whose centre a disc of `radius_m` can take.
fn free_for(map: &OccupancyMap, radius_m: f64) -> Vec<bool> {
    let (width, height) = (map.width as i64, map.height as i64);
    let reach = (radius_m / map.resolution_m).ceil() as i64;
    let mut free = vec![true; map.cells.len()];
    for (i, _) in map.cells.iter().enumerate().filter(|(_, c)| **c > 0) {
        let (col, row) = (i as i64 % width, i as i64 / width);
        for r in (row - reach).max(0)..=(row + reach).min(height - 1) {
            for c in (col - reach).max(0)..=(col + reach).min(width - 1) {
                let (dc, dr) = ((c - col) as f64, (r - row) as f64);
                if (dc * dc + dr * dr).sqrt() * map.resolution_m <= radius_m {
                    free[(r * width + c) as usize] = false;
                }
            }
        }
    }
    free
}

fn connected(map: &OccupancyMap, free: &[bool], from: Point2, to: Point2) -> bool {
    let width = map.width as usize;
    let cell = |p: Point2| {
        let index = |v: f64, o: f64| ((v - o) / map.resolution_m) as usize;
        index(p.y_m, map.origin.y_m) * width + index(p.x_m, map.origin.x_m)
    };
    let (start, goal) = (cell(from), cell(to));
    let mut reached = vec![false; free.len()];
    let mut open = if free[start] { vec![start] } else { Vec::new() };
    while let Some(i) = open.pop() {
        if std::mem::replace(&mut reached[i], true) {
            continue;
        }
        for next in [i.wrapping_sub(1), i + 1, i.wrapping_sub(width), i + width] {
            if next < free.len() && free[next] && !reached[next] {
                open.push(next);
            }
        }
    }
    reached[goal]
}

#[test]
fn start_and_goal_are_free_and_connected_through_the_doorway_alone() {
    let map = warehouse_map();
    assert!(connected(&map, &free_for(&map, 0.35), START, GOAL));
    assert!(connected(&map, &free_for(&map, 0.60), START, GOAL), "with room to spare");
    // The doorway is 1.4 m wide: a robot of 1.6 m cannot pass. Only the border outside could lead around.
    assert!(!connected(&map, &free_for(&map, 0.80), START, GOAL));
}

#[test]
fn the_person_crosses_the_way_of_the_robot() {
    let world = World::load(WAREHOUSE).unwrap();
    let walker = &world.actors()[0];
    let at = |t: f64| walker.motion_at(t);
    assert!((at(3.0).v_mps - 1.2).abs() < 1e-9);
    let range = (0..272)
        .map(|i| at(0.05 * f64::from(i)).pose.y_m)
        .fold((9.0_f64, -9.0_f64), |(l, h), y| (l.min(y), h.max(y)));
    assert!(range.0 < START.y_m - 0.5 && range.1 > -1.0, "{range:?}");
    // Nobody walks through a shelf.
    let map = warehouse_map();
    let free = free_for(&map, 0.25);
    for actor in world.actors() {
        for i in 0..2720 {
            let p = actor.motion_at(0.005 * f64::from(i)).pose;
            let col = ((p.x_m - map.origin.x_m) / 0.05) as usize;
            let row = ((p.y_m - map.origin.y_m) / 0.05) as usize;
            assert!(free[row * map.width as usize + col], "{} at {p:?}", actor.name);
        }
    }
}
