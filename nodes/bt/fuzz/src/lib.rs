//! What must hold for any text.

use outrider_bt::trace::{Script, Stage, registry};
use outrider_bt::{BtError, Library, NoFiles, ScriptSource, Severity, Status, Tree};
use outrider_foundation::Instant;

/// A file is refused with a place in it, or its tree can be ticked and halted; `check` agrees with building.
pub fn tree(text: &str) {
    let library = match Library::read("fuzz.xml", text, &mut NoFiles) {
        Ok(library) => library,
        Err(BtError::Load { at, .. }) => {
            assert!(at.line >= 1 && at.column >= 1, "an error without a place");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let registry = registry();
    let problems = library.check::<Stage>(&registry);
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    let Ok(main) = library.main() else { return };
    let built = library.build(&registry, &main);
    assert!(built.is_ok() || !sound, "check found nothing: {:?}", built.err());
    let Ok(mut tree) = built else { return };
    let mut stage = stage(&tree);
    for tick in 0..8 {
        let now = Instant::from_nanos(tick * 100_000_000);
        if tree.tick_exactly_once(now, &mut stage).is_err() {
            return;
        }
        assert!(tree.nodes().all(|(_, status)| status != Status::Skipped), "SKIPPED is kept");
    }
    let _ = tree.halt(Instant::from_nanos(i64::MAX), &mut stage);
}

/// Every leaf runs, then succeeds, then fails.
fn stage(tree: &Tree<Stage>) -> Stage {
    let statuses = [Status::Running, Status::Success, Status::Failure];
    let leaves = tree.nodes().fold(Script::default(), |script, (info, _)| script.with(&info.name, &statuses));
    Stage::new(tree, &leaves).expect("every leaf has statuses")
}

/// A script is refused with a place in it, or runs to a value or an error.
pub fn script(text: &str) {
    match ScriptSource::parse(text) {
        Ok(_) => {
            let escaped = text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
            let xml = format!("<root><BehaviorTree><Script code=\"{escaped}\"/></BehaviorTree></root>");
            tree(&xml);
        }
        Err(BtError::Script { at, .. }) => assert!(at <= text.len(), "an error behind the end"),
        Err(other) => panic!("{other}"),
    }
}
