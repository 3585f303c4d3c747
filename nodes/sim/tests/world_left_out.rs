//! World files: what this simulator does not take is named with its line or refused, and never passed over.

use outrider_sim::World;

const BOX: &str = "<box><size>1 1 1</size></box>";
const TABLE: &str = "<sdf version='1.9'><model name='table'><static>1</static><link name='l'><collision name='c'>\
                     <geometry><box><size>1 1 1</size></box></geometry></collision></link></model>\n\
                     <model name='second'/>\n<light name='x'/></sdf>";

fn world(body: &str) -> String {
    format!("<sdf version='1.9'><world name='w'>\n{body}</world></sdf>")
}

/// A static model whose link has one collision.
fn model(attributes: &str, pose: &str, geometry: &str) -> String {
    format!(
        "<model name='x' {attributes}><static>true</static>{pose}<link name='l'><collision name='c'>\
         <geometry>{geometry}</geometry></collision></link></model>\n"
    )
}

fn load(body: &str) -> World {
    World::load_with(&world(body), |name| (name == "table").then_some(TABLE)).unwrap()
}

/// What is named: line, element, reason.
fn named(world: &World) -> Vec<(u32, String, String)> {
    world.unsupported().iter().map(|u| (u.line, u.element.clone(), u.reason.clone())).collect()
}

fn assert_named(world: &World, expected: &[(u32, &str, &str)]) {
    let found = named(world);
    let fits = |((l, e, r), (line, element, reason)): (&(u32, String, String), &(u32, &str, &str))| {
        l == line && e == element && r.contains(reason)
    };
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(fits), "{found:?}");
}

fn refusal(body: &str) -> String {
    World::load(&world(body)).unwrap_err().to_string()
}

#[test]
fn an_include_without_a_name_of_a_model_is_named() {
    for uri in ["model:table", "../x/..", "model://.hidden", "/"] {
        let read = load(&format!("<include><uri>{uri}</uri><pose>5 0 0 0 0 0</pose></include>"));
        assert_named(&read, &[(2, "include", "does not end in the name of a model")]);
    }
    assert_eq!(named(&load("<include><uri>model://sun</uri></include>")), []);
}

#[test]
fn an_include_that_asks_to_be_merged_is_named() {
    let include = |merge: &str| load(&format!("<include merge='{merge}'><uri>model://table</uri></include>"));
    let besides = include("false").unsupported().len();
    let read = include("true");
    assert_eq!((read.unsupported().len(), read.statics().len()), (besides + 1, 1));
    let told = read.unsupported().iter().find(|u| u.element == "include").unwrap();
    assert!(told.reason.starts_with("not merged into what includes it"), "{told:?}");
}

#[test]
fn what_an_include_and_its_file_hold_besides_is_named() {
    let read = load(
        "<include><uri>model://table</uri>\n<posse>5 0 0 0 0 0</posse><pose>1 2 0 0 0 0</pose>\n<pose>3 0 0 0 0 0</pose></include>",
    );
    let besides = "the first model of a file is included (in the model table)";
    let expected = [
        (3, "posse", "not simulated"),
        (4, "pose", "the first one"),
        (2, "model", besides),
        (3, "light", besides),
    ];
    assert_named(&read, &expected);
    assert!((read.statics()[0].world_from_shape.translation.y - 2.0).abs() < 1e-12);
}

/// Where the last shape of a world stands: x, y.
fn last_at(world: &World) -> Option<(f64, f64)> {
    let at = world.statics().last()?.world_from_shape.translation;
    Some((at.x, at.y))
}

fn assert_at(found: Option<(f64, f64)>, (x, y): (f64, f64)) {
    assert!(found.is_some_and(|at| (at.0 - x).abs() < 1e-9 && (at.1 - y).abs() < 1e-9), "{found:?}");
}

#[test]
fn a_model_may_be_placed_by_a_frame_of_its_own() {
    let frame = "<frame name='f'><pose>2 0 0 0 0 1.5707963267948966</pose></frame>";
    let placed = "<pose>5 0 0 0 0 3.141592653589793</pose>";
    let read = load(&model("placement_frame='f'", &(placed.to_owned() + frame), BOX));
    assert_eq!(named(&read), []);
    // `f` is at (5, 0) and looks back; the model looks to its right, that is along y, and has `f` 2 m ahead of it.
    assert_at(last_at(&read), (5.0, -2.0));
    let after = "<model name='y'><static>1</static><pose relative_to='x'>1 0 0 0 0 0</pose><link name='l'>\
                 <collision name='c'><geometry><box><size>1 1 1</size></box></geometry></collision></link></model>";
    let read = load(&(model("placement_frame='f'", &(placed.to_owned() + frame), BOX) + after));
    assert_at(last_at(&read), (5.0, -1.0));
    assert_eq!(named(&load(&model("placement_frame='__model__'", "", BOX))), []);

    let read = load(&(model("placement_frame='g'", &(placed.to_owned() + frame), BOX) + after));
    let unknown = "a frame that is not known";
    assert_named(&read, &[(2, "model", "no placement_frame g"), (3, "model", unknown)]);
    assert!(read.statics().is_empty());
}

#[test]
fn an_included_model_may_be_placed_by_a_frame_of_its_file() {
    let file = |attribute: &str| {
        format!(
            "<sdf version='1.9'><model name='cart' {attribute}><static>1</static><pose>9 9 0 0 0 0</pose>\
             <frame name='f'><pose>2 0 0 0 0 0</pose></frame><frame name='g'><pose>0 3 0 0 0 0</pose></frame>\
             <link name='l'><collision name='c'><geometry>{BOX}</geometry></collision></link></model></sdf>"
        )
    };
    let (plain, by_f) = (file(""), file("placement_frame='f'"));
    let read = |file: &str, says: &str| {
        let body = format!("<include><uri>model://cart</uri>{says}</include>");
        World::load_with(&world(&body), |_| Some(file)).unwrap()
    };
    let pose = "<pose>5 0 0 0 0 0</pose>";
    let g = "<placement_frame>g</placement_frame>";
    for (file, says, at) in [
        (&plain, pose.to_owned(), (5.0, 0.0)),
        (&plain, pose.to_owned() + g, (5.0, -3.0)),
        (&by_f, pose.to_owned(), (3.0, 0.0)),
        (&by_f, pose.to_owned() + g, (5.0, -3.0)),
        (&by_f, String::new(), (7.0, 9.0)),
    ] {
        assert_at(last_at(&read(file, &says)), at);
    }
    assert_named(&read(&plain, g), &[(2, "include", "has to come with a <pose>")]);
    let nowhere = read(&plain, &(pose.to_owned() + "<placement_frame>h</placement_frame>"));
    assert_named(&nowhere, &[(2, "include", "no placement_frame h")]);
    assert!(nowhere.statics().is_empty());
}

#[test]
fn flags_are_read_one_way() {
    let turned = |degrees: &str| model("", &format!("<pose degrees='{degrees}'>0 0 0 0 0 90</pose>"), BOX);
    let (degrees, radians) = (1.0, libm::sin(90.0));
    for (told, sine) in
        [("true", degrees), ("True", degrees), ("1", degrees), ("FALSE", radians), ("0", radians)]
    {
        let (_, _, yaw) = load(&turned(told)).statics()[0].world_from_shape.rotation.euler_angles();
        assert!((libm::sin(yaw) - sine).abs() < 1e-9, "{told}: {yaw}");
    }
    let text = refusal(&turned("yes"));
    assert!(text.contains("line 2") && text.contains("degrees of true or false, found yes"), "{text}");
    assert_eq!(named(&load(&model("", "", BOX).replace(">true<", ">tRUE<"))), []);
    assert!(
        refusal(&model("", "", BOX).replace(">true<", ">yes<")).contains("<static>: expected true or false")
    );
}

#[test]
fn what_stands_twice_is_named() {
    let read = load(&model("", "<pose>1 0 0 0 0 0</pose>\n<pose>2 0 0 0 0 0</pose>", BOX));
    assert_named(&read, &[(3, "pose", "the first one")]);
    assert!((read.statics()[0].world_from_shape.translation.x - 1.0).abs() < 1e-12);
    let ball = format!("{BOX}\n<sphere><radius>2</radius></sphere>");
    assert_named(&load(&model("", "", &ball)), &[(3, "sphere", "the first shape")]);
    let geometries = format!("{BOX}</geometry>\n<geometry>{BOX}");
    assert_named(&load(&model("", "", &geometries)), &[(3, "geometry", "the first one")]);
    let flags = model("", "\n<static>false</static>", BOX);
    assert_named(&load(&flags), &[(3, "static", "the first one")]);
    let sizes = "<box><size>1 1 1</size>\n<size>2 2 2</size></box>";
    assert_named(&load(&model("", "", sizes)), &[(3, "size", "the first one")]);
}

#[test]
fn parts_of_a_shape_that_are_not_known_are_named() {
    for (shape, part) in [
        ("<box>\n<sice>1 6 1</sice><size>1 1 1</size></box>", "sice"),
        ("<sphere><radius>1</radius>\n<length>1</length></sphere>", "length"),
        ("<plane>\n<normall>0 1 0</normall></plane>", "normall"),
    ] {
        assert_named(&load(&model("", "", shape)), &[(3, part, "not simulated")]);
    }
    let frame = format!("<frame name='f'>\n<posse>1 0 0 0 0 0</posse></frame>{}", model("", "", BOX));
    assert_named(&load(&frame), &[(3, "posse", "not simulated")]);
}

#[test]
fn a_name_taken_twice_is_named() {
    let read = load(&(model("", "", BOX) + &model("", "<pose>7 0 0 0 0 0</pose>", BOX)));
    assert_named(&read, &[(3, "model", "the name x is taken already: both stand")]);
    assert_eq!(read.statics().len(), 2);
    let inner = "<model name='a'><static>1</static><model name='x'/></model><model name='b'><static>1</static><model name='x'/></model>";
    assert_eq!(named(&load(inner)), [], "in two models");
    let includes = "<include><name>t</name><uri>model://table</uri></include>\n<include><name>t</name><uri>model://table</uri></include>";
    assert!(
        named(&load(includes))
            .iter()
            .any(|(line, e, r)| (*line, e.as_str()) == (3, "include") && r.contains("taken"))
    );
}

#[test]
fn two_trajectories_of_one_id_are_refused() {
    let one = |id| {
        format!(
            "<trajectory id='{id}' type='w'><waypoint><time>0</time><pose>1 0 0 0 0 0</pose></waypoint></trajectory>\n"
        )
    };
    let actor = |a, b| format!("<actor name='a'><script>\n{}{}</script></actor>", one(a), one(b));
    assert_eq!(named(&load(&actor(0, 1))), []);
    let text = refusal(&actor(3, 3));
    assert!(
        text.contains("line 4") && text.contains("an id that no other trajectory has, found 3"),
        "{text}"
    );
}

#[test]
fn a_floor_that_is_not_at_zero_is_named() {
    let plane = "<plane><normal>0 0 1</normal><size>9 9</size></plane>";
    assert_eq!(named(&load(&model("", "", plane))), []);
    let raised = load(&model("", "<pose>0 0 0.3 0 0 0</pose>", plane));
    assert_named(&raised, &[(2, "plane", "a floor at z = 0.3 m; the floor is at 0")]);
    let nowhere = plane.replace("0 0 1", "0 0 0");
    let refused = refusal(&model("", "", &nowhere));
    assert!(
        refused.contains("a <normal> with a direction") && refused.contains("[0.0, 0.0, 0.0]"),
        "{refused}"
    );
}

#[test]
fn collisions_are_relative_to_links_and_frames_of_their_model() {
    let at = |relative: &str| {
        let body = format!(
            "<model name='y'><static>1</static><pose>5 0 0.5 0 0 0</pose><link name='a'><pose>0 2 0 0 0 1.5707963267948966</pose></link>\
             <frame name='f'><pose relative_to='a'>1 0 0 0 0 0</pose></frame><link name='b'><pose>9 9 9 1 1 1</pose>\
             <collision name='c'><pose relative_to='{relative}'>0 0 1 0 0 0</pose><geometry>{BOX}</geometry></collision></link></model>"
        );
        let read = load(&body);
        (read.statics().first().map(|s| s.world_from_shape.translation.vector), named(&read).len())
    };
    for (relative, [x, y, z]) in
        [("a", [5.0, 2.0, 1.5]), ("f", [5.0, 3.0, 1.5]), ("__model__", [5.0, 0.0, 1.5])]
    {
        let (Some(found), 0) = at(relative) else { panic!("{relative}") };
        assert!((found - nalgebra::Vector3::new(x, y, z)).norm() < 1e-9, "{relative}: {found}");
    }
    let (Some(own), (Some(link), 0)) = (at("b").0, at("")) else { panic!("of its own link") };
    assert!((own - link).norm() < 1e-9, "{own}");
    assert_eq!(at("nobody"), (None, 1));
}

#[test]
fn poses_are_relative_to_links_of_models_and_to_included_models() {
    let y = "<model name='y'><static>1</static><pose>5 0 0 0 0 0</pose><link name='a'><pose>0 1 0 0 0 0</pose></link></model>";
    let table = "<include><name>t</name><uri>model://table</uri><pose>5 1 0 0 0 0</pose></include>";
    for (before, relative) in [(y, "y::a"), (table, "t")] {
        let pose = format!("<pose relative_to='{relative}'>1 0 0 0 0 0</pose>");
        let read = load(&(before.to_owned() + &model("", &pose, BOX)));
        let at = read.statics().last().unwrap().world_from_shape.translation;
        assert!((at.x - 6.0).abs() < 1e-12 && (at.y - 1.0).abs() < 1e-12, "{relative}: {at}");
    }
    let unknown = model("", "<pose relative_to='y::b'>1 0 0 0 0 0</pose>", BOX);
    assert_named(&load(&(y.to_owned() + &unknown)), &[(2, "model", "a frame that is not known")]);
}

#[test]
fn limits_are_named() {
    let text = refusal(&model("", "", "\n<box><size>19000 19000 1</size></box>"));
    assert!(
        text.contains("line 3") && text.contains("no number beyond 10000 (metres), found 19000 19000 1"),
        "{text}"
    );
    let deep = "<model name='d'><static>1</static>\n".repeat(9) + &"</model>".repeat(9);
    let text = refusal(&deep);
    assert!(text.contains("line 10") && text.contains("at most 8 deep, found d at a depth of 8"), "{text}");
}

#[test]
fn nothing_of_a_shipped_world_is_left_out() {
    let worlds = [
        include_str!("../../../config/worlds/aisles.sdf"),
        include_str!("../../../config/worlds/clutter.sdf"),
        include_str!("../../../config/worlds/corridor.sdf"),
        include_str!("../../../config/worlds/dead_end.sdf"),
        include_str!("../../../config/worlds/hall.sdf"),
        include_str!("../../../config/worlds/narrow.sdf"),
        include_str!("../../../config/worlds/narrow_100.sdf"),
        include_str!("../../../config/worlds/narrow_80.sdf"),
        include_str!("../../../config/worlds/racks.sdf"),
        include_str!("../../../config/worlds/rooms.sdf"),
        include_str!("../../../config/worlds/two_rooms.sdf"),
        include_str!("../../../config/worlds/ward.sdf"),
        include_str!("../../../config/worlds/warehouse.sdf"),
    ];
    for sdf in worlds {
        let world = World::load(sdf).unwrap();
        assert_eq!(world.unsupported(), &[], "{}", world.name());
    }
}
