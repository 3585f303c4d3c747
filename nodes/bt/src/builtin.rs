//! The engine's own nodes: names, ports and what they are for. What they do is in `nodes`.

use crate::kind::Kind;
use crate::node::Op;
use crate::port::Port;
use crate::registry::{Class, Manifest};
use crate::status::Status;

/// Kinds of nodes with what the engine does for them.
pub(crate) type Kinds = Vec<(Manifest, Op)>;

/// All of them.
pub(crate) fn all() -> Kinds {
    let mut kinds = controls();
    kinds.extend(decorators());
    kinds.extend(loops());
    kinds.extend(actions());
    kinds.extend(nav2());
    kinds
}

fn control(id: &'static str, doc: &'static str, example: &'static str) -> Manifest {
    Manifest::new(id, Class::Control, doc, example)
}

fn decorator(id: &'static str, doc: &'static str, example: &'static str) -> Manifest {
    Manifest::new(id, Class::Decorator, doc, example)
}

fn action(id: &'static str, doc: &'static str, example: &'static str) -> Manifest {
    Manifest::new(id, Class::Action, doc, example)
}

fn controls() -> Kinds {
    let mut kinds = vec![
        (
            control(
                "Sequence",
                "Children in order until one fails; goes on where it was.",
                "<Sequence><A/><B/></Sequence>",
            ),
            Op::Sequence { asynch: false },
        ),
        (
            control(
                "AsyncSequence",
                "As Sequence, but gives control back after every child that finished at once.",
                "<AsyncSequence><A/><B/></AsyncSequence>",
            ),
            Op::Sequence { asynch: true },
        ),
        (
            control(
                "SequenceWithMemory",
                "As AsyncSequence, but after a failure it goes on with the child that failed.",
                "<SequenceWithMemory><A/><B/></SequenceWithMemory>",
            ),
            Op::SequenceWithMemory,
        ),
        (
            control(
                "ReactiveSequence",
                "Children in order, every tick from the first; halts the others while one runs.",
                "<ReactiveSequence><Check/><Do/></ReactiveSequence>",
            ),
            Op::ReactiveSequence,
        ),
        (
            control(
                "Fallback",
                "Children in order until one succeeds; goes on where it was.",
                "<Fallback><A/><B/></Fallback>",
            ),
            Op::Fallback { asynch: false },
        ),
        (
            control(
                "AsyncFallback",
                "As Fallback, but gives control back after every child that finished at once.",
                "<AsyncFallback><A/><B/></AsyncFallback>",
            ),
            Op::Fallback { asynch: true },
        ),
        (
            control(
                "ReactiveFallback",
                "Children in order until one succeeds, every tick from the first.",
                "<ReactiveFallback><Check/><Do/></ReactiveFallback>",
            ),
            Op::ReactiveFallback,
        ),
        (
            control(
                "Parallel",
                "All children in every tick, until enough of them have succeeded or failed.",
                "<Parallel success_count=\"1\" failure_count=\"2\"><A/><B/></Parallel>",
            )
            .ports([
                Port::input(
                    "success_count",
                    Kind::Int,
                    "so many have to succeed; -1 for all, -2 for all but one",
                )
                .or("-1"),
                Port::input("failure_count", Kind::Int, "so many have to fail; negative as above").or("1"),
            ]),
            Op::Parallel,
        ),
        (
            control(
                "ParallelAll",
                "All children in every tick, until all have finished; fails when too many have failed.",
                "<ParallelAll max_failures=\"2\"><A/><B/></ParallelAll>",
            )
            .ports([Port::input("max_failures", Kind::Int, "fails with this many failures").or("1")]),
            Op::ParallelAll,
        ),
        (
            control(
                "IfThenElse",
                "The first child decides, once, whether the second or the third is executed.",
                "<IfThenElse><Check/><A/><B/></IfThenElse>",
            ),
            Op::IfThenElse,
        ),
        (
            control(
                "WhileDoElse",
                "The first child decides, in every tick, whether the second or the third is executed.",
                "<WhileDoElse><Check/><A/><B/></WhileDoElse>",
            ),
            Op::WhileDoElse,
        ),
        (
            control(
                "TryCatch",
                "All children but the last as a sequence; when it fails the last is executed, and then it fails.",
                "<TryCatch catch_on_halt=\"true\"><A/><B/><Tidy/></TryCatch>",
            )
            .ports([
                Port::input("catch_on_halt", Kind::Bool, "execute the last child also when halted").or("false")
            ]),
            Op::TryCatch,
        ),
    ];
    let names = ["Switch2", "Switch3", "Switch4", "Switch5", "Switch6"];
    let cases = ["case_1", "case_2", "case_3", "case_4", "case_5", "case_6"];
    for (id, count) in names.into_iter().zip(2_u8..) {
        let ports = cases.iter().take(count.into());
        let ports = ports.map(|name| Port::input(name, Kind::Text, "value for the child of this number"));
        let manifest = control(
            id,
            "Executes the child whose case is equal to the variable, else the last one.",
            "<Switch2 variable=\"{x}\" case_1=\"1\" case_2=\"2\"><A/><B/><Other/></Switch2>",
        )
        .ports([Port::input("variable", Kind::Text, "what the cases are compared with")])
        .ports(ports);
        kinds.push((manifest, Op::Switch(count)));
    }
    kinds
}

fn decorators() -> Kinds {
    vec![
        (
            decorator("Inverter", "Success for failure and the other way round.", "<Inverter><A/></Inverter>"),
            Op::Inverter,
        ),
        (
            decorator(
                "ForceSuccess",
                "Success when the child has finished.",
                "<ForceSuccess><A/></ForceSuccess>",
            ),
            Op::Force(Status::Success),
        ),
        (
            decorator(
                "ForceFailure",
                "Failure when the child has finished.",
                "<ForceFailure><A/></ForceFailure>",
            ),
            Op::Force(Status::Failure),
        ),
        (
            decorator(
                "Repeat",
                "The child again after a success, so many times.",
                "<Repeat num_cycles=\"3\"><A/></Repeat>",
            )
            .ports([Port::input("num_cycles", Kind::Int, "how often; -1 for ever")]),
            Op::Repeat,
        ),
        (
            decorator(
                "RetryUntilSuccessful",
                "The child again after a failure, so many times.",
                "<RetryUntilSuccessful num_attempts=\"3\"><A/></RetryUntilSuccessful>",
            )
            .ports([Port::input("num_attempts", Kind::Int, "how often; -1 for ever")]),
            Op::Retry,
        ),
        (
            decorator(
                "KeepRunningUntilFailure",
                "Running while the child succeeds; fails with it.",
                "<KeepRunningUntilFailure><A/></KeepRunningUntilFailure>",
            ),
            Op::KeepRunning,
        ),
        (
            decorator(
                "Delay",
                "Running for a while before the child is ticked.",
                "<Delay delay_msec=\"500\"><A/></Delay>",
            )
            .ports([Port::input("delay_msec", Kind::Unsigned, "how long, ms")]),
            Op::Delay,
        ),
        (
            decorator(
                "Timeout",
                "Halts the child and fails when it runs too long.",
                "<Timeout msec=\"500\"><A/></Timeout>",
            )
            .ports([Port::input("msec", Kind::Unsigned, "how long at most, ms; 0 for ever")]),
            Op::Timeout,
        ),
        (
            decorator(
                "RunOnce",
                "The child once; later it is skipped, or the same status is given again.",
                "<RunOnce then_skip=\"false\"><A/></RunOnce>",
            )
            .ports([
                Port::input("then_skip", Kind::Bool, "skip later instead of giving the same status").or("true")
            ]),
            Op::RunOnce,
        ),
        (
            decorator(
                "Precondition",
                "The child if a script is true when it starts.",
                "<Precondition if=\"x &lt; 3\" else=\"SKIPPED\"><A/></Precondition>",
            )
            .ports([
                Port::input("if", Kind::Text, "a script"),
                Port::input("else", Kind::Status, "status when it is false").or("FAILURE"),
            ]),
            Op::Precondition,
        ),
        (
            decorator(
                "SkipUnlessUpdated",
                "The child when an entry was written since the last tick, else skipped.",
                "<SkipUnlessUpdated entry=\"{goal}\"><A/></SkipUnlessUpdated>",
            )
            .ports([Port::input("entry", Kind::Any, "the entry")]),
            Op::Updated(Status::Skipped),
        ),
        (
            decorator(
                "WaitValueUpdate",
                "The child when an entry was written since the last tick, else running.",
                "<WaitValueUpdate entry=\"{goal}\"><A/></WaitValueUpdate>",
            )
            .ports([Port::input("entry", Kind::Any, "the entry")]),
            Op::Updated(Status::Running),
        ),
        (
            Manifest::new(
                "SubTree",
                Class::SubTree,
                "Another tree of the file, with a blackboard of its own. Attributes give its entries a value, or \
                 name an entry of this one.",
                "<SubTree ID=\"Approach\" target=\"{goal}\" speed=\"0.2\"/>",
            )
            .ports([
                Port::input("_autoremap", Kind::Bool, "names that are not remapped mean the same here")
                    .or("false"),
            ]),
            Op::SubTree,
        ),
    ]
}

fn loops() -> Kinds {
    let kinds: [(&'static str, Kind, &'static Kind); 4] = [
        ("LoopInt", Kind::Int, &Kind::Int),
        ("LoopBool", Kind::Bool, &Kind::Bool),
        ("LoopDouble", Kind::Double, &Kind::Double),
        ("LoopString", Kind::Text, &Kind::Text),
    ];
    let make = |(id, kind, item): (&'static str, Kind, &'static Kind)| {
        let manifest = decorator(
            id,
            "The child once for every value of a queue.",
            "<LoopDouble queue=\"1.5;2.5\" value=\"{x}\"><A/></LoopDouble>",
        )
        .ports([
            Port::both(
                "queue",
                Kind::Untyped,
                "values with semicolons between them, or an entry with a queue",
            ),
            Port::input("if_empty", Kind::Status, "status when there is no value").or("SUCCESS"),
            Port::output("value", kind, "the value"),
        ]);
        (manifest, Op::Loop(item))
    };
    kinds.into_iter().map(make).collect()
}

fn actions() -> Kinds {
    vec![
        (action("AlwaysSuccess", "Succeeds.", "<AlwaysSuccess/>"), Op::Always(Status::Success)),
        (action("AlwaysFailure", "Fails.", "<AlwaysFailure/>"), Op::Always(Status::Failure)),
        (
            action("Script", "Runs a script and succeeds.", "<Script code=\"x := 3; y = x * 2\"/>")
                .ports([Port::input("code", Kind::Text, "the script")]),
            Op::Script,
        ),
        (
            Manifest::new(
                "ScriptCondition",
                Class::Condition,
                "Succeeds when a script is true.",
                "<ScriptCondition code=\"x &gt; 3\"/>",
            )
            .ports([Port::input("code", Kind::Untyped, "the script")]),
            Op::ScriptCondition,
        ),
        (
            action(
                "SetBlackboard",
                "Writes an entry.",
                "<SetBlackboard value=\"{goal}\" output_key=\"last_goal\"/>",
            )
            .ports([
                Port::input("value", Kind::Untyped, "a value, or the entry to be copied"),
                Port::both("output_key", Kind::Untyped, "name of the entry, without braces"),
            ]),
            Op::SetBlackboard,
        ),
        (
            action("UnsetBlackboard", "Removes an entry.", "<UnsetBlackboard key=\"last_goal\"/>")
                .ports([Port::input("key", Kind::Text, "name of the entry, without braces")]),
            Op::UnsetBlackboard,
        ),
        (
            action("Sleep", "Runs for a while, then succeeds.", "<Sleep msec=\"500\"/>")
                .ports([Port::input("msec", Kind::Unsigned, "how long, ms")]),
            Op::Sleep,
        ),
        (
            action(
                "WasEntryUpdated",
                "Succeeds when an entry was written since the last tick.",
                "<WasEntryUpdated entry=\"{goal}\"/>",
            )
            .ports([Port::input("entry", Kind::Any, "the entry")]),
            Op::WasEntryUpdated,
        ),
    ]
}

fn nav2() -> Kinds {
    vec![
        (
            control(
                "PipelineSequence",
                "Nav2: as a sequence, but ticks the earlier children again while a later one runs.",
                "<PipelineSequence><Plan/><Follow/></PipelineSequence>",
            ),
            Op::Pipeline,
        ),
        (
            control(
                "RecoveryNode",
                "Nav2: when the first child fails the second is executed, and then the first again.",
                "<RecoveryNode number_of_retries=\"6\"><Drive/><Recover/></RecoveryNode>",
            )
            .ports([Port::input("number_of_retries", Kind::Int, "how often").or("1")]),
            Op::Recovery,
        ),
        (
            control(
                "RoundRobin",
                "Nav2: one child after the other, a new one whenever it is executed again.",
                "<RoundRobin><Spin/><Wait/><BackUp/></RoundRobin>",
            )
            .ports([Port::input("wrap_around", Kind::Bool, "begin again after the last").or("true")]),
            Op::RoundRobin,
        ),
        (
            control(
                "NonblockingSequence",
                "Nav2: all children in every tick until all have succeeded; fails with the first failure.",
                "<NonblockingSequence><A/><B/></NonblockingSequence>",
            ),
            Op::Nonblocking,
        ),
        (
            control(
                "PersistentSequence",
                "Nav2: a sequence that keeps the number of its child in an entry.",
                "<PersistentSequence current_child_idx=\"{i}\"><A/><B/></PersistentSequence>",
            )
            .ports([Port::both("current_child_idx", Kind::Int, "number of the child, from 0")]),
            Op::Persistent,
        ),
        (
            decorator(
                "RateController",
                "Nav2: ticks the child so many times a second, and for as long as it runs.",
                "<RateController hz=\"1.0\"><Plan/></RateController>",
            )
            .ports([Port::input("hz", Kind::Double, "how often, 1/s").or("10.0")]),
            Op::Rate,
        ),
        (
            decorator(
                "SingleTrigger",
                "Nav2: the child until it has finished; later it fails.",
                "<SingleTrigger><A/></SingleTrigger>",
            ),
            Op::SingleTrigger,
        ),
    ]
}
