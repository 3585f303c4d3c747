//! The result of a replay for people.

use super::Report;
use outrider_suite::replay::{
    ConsumedInput, Difference, Effect, FromTopics, Kind, Outcome, OutputDifference, TopicStatistics,
};
use std::fmt::Write as _;

/// The most inputs of a step that are shown.
const INPUTS_SHOWN: usize = 20;

/// Everything, ending in a new line.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    for outcome in &report.runs {
        run(&mut out, report, outcome);
    }
    for result in &report.from_topics {
        from_topics(&mut out, result);
    }
    for damage in &report.damage {
        let _ = writeln!(out, "damage: {damage}");
    }
    if !report.runs.is_empty() {
        let _ = writeln!(out, "{} decisions, {} identical", report.decisions, report.identical);
        let not_run: u64 = report.runs.iter().map(|o| o.not_run).sum();
        if not_run > 0 {
            let _ = writeln!(out, "{not_run} more are in the bag and could not be run again: see above");
        }
    }
    if !report.damage.is_empty() {
        out += "the bag is damaged: `outrider bag recover` saves what is whole; steps after a gap stay unjudged\n";
    }
    let times = report.bag_s / report.wall_s.max(1e-9);
    let _ =
        writeln!(out, "{:.1} s of bag in {:.2} s, {times:.0} times real time", report.bag_s, report.wall_s);
    out
}

fn at(report: &Report, log_time_ns: u64) -> String {
    format!("{:.3} s into the bag", log_time_ns.saturating_sub(report.bag_start_ns) as f64 * 1e-9)
}

fn run(out: &mut String, report: &Report, o: &Outcome) {
    let _ = writeln!(
        out,
        "{:<12} {:>7} steps, {:>7} identical  (boot {:016x})",
        o.node, o.steps, o.identical, o.boot_id
    );
    if o.build != report.build && !o.build.is_empty() {
        let _ = writeln!(
            out,
            "  recorded by build {}, replayed by {}: differences may come from the programs; for proof replay with the recorded build",
            o.build, report.build
        );
    }
    if let Some(d) = &o.difference {
        difference(out, report, d);
    }
    if !o.stopped.is_empty() {
        let _ = writeln!(out, "  not all could be run again: {}", o.stopped);
        let _ = writeln!(out, "  {} steps were run again, {} are left", o.steps, o.not_run);
        let started = !o.build.is_empty();
        let config = if started { String::new() } else { " --config-dir DIR".to_owned() };
        // Not with other files: `--from-topics` takes none.
        if !o.stopped.contains("key") && report.changed.is_empty() {
            let _ = writeln!(
                out,
                "  what can still be done: --from-topics --node {}{config} runs it from the topics",
                o.node
            );
        }
    }
    if !o.at_end.is_empty() {
        let _ =
            writeln!(out, "  at the end of the recording {} steps cannot be judged: {}", o.not_run, o.at_end);
    }
    if o.recorded_twice > 0 {
        let _ = writeln!(out, "  {} steps are recorded twice: each was run once", o.recorded_twice);
    }
    // Of no step nothing can be said.
    if let Some(e) = o.effect.as_ref().filter(|e| e.steps > 0) {
        if o.difference.is_some() {
            out.push_str("  this build does not give the recorded decisions: what follows compares this build with itself\n");
        }
        effect(out, report, e);
    }
}

fn difference(out: &mut String, report: &Report, d: &Difference) {
    let _ = writeln!(
        out,
        "  first difference at tick {}, {} (monotonic {:.6} s, ROS {:.6} s)",
        d.tick,
        at(report, d.log_time_ns),
        d.monotonic_ns as f64 * 1e-9,
        d.ros_ns as f64 * 1e-9
    );
    let _ = writeln!(
        out,
        "  recorded {} outputs with digest {:016x}, replayed {} with {:016x}",
        d.recorded.0, d.recorded.1, d.replayed.0, d.replayed.1
    );
    inputs(out, &d.inputs);
    let proof = if d.outputs.proven {
        "the recorded outputs were found in the bag and have the journal's digest"
    } else {
        "the recorded outputs are the likeliest by number and order: no choice of messages in the bag has the journal's digest"
    };
    let _ = writeln!(out, "  {proof}:");
    // What the replay has no counterpart of could not be looked for.
    let lacking = if d.outputs.proven { 0 } else { d.recorded.0.saturating_sub(d.replayed.0) };
    if lacking == 0 || !d.outputs.different.is_empty() {
        outputs(out, &d.outputs.different, "recorded", "replayed");
    }
    if lacking > 0 {
        let _ = writeln!(out, "    {lacking} recorded outputs were not found in the bag");
    }
}

fn inputs(out: &mut String, inputs: &[ConsumedInput]) {
    let none = if inputs.is_empty() { " no message" } else { "" };
    let _ = writeln!(out, "  it consumed{none}");
    for input in inputs.iter().take(INPUTS_SHOWN) {
        let number = input.sequence.as_ref().map_or(String::new(), |n| format!(" number {n}"));
        let _ = writeln!(out, "    {}{number}  digest {}", input.topic, input.digest);
    }
    if inputs.len() > INPUTS_SHOWN {
        let _ = writeln!(out, "    and {} more", inputs.len() - INPUTS_SHOWN);
    }
}

fn outputs(out: &mut String, different: &[OutputDifference], was: &str, is: &str) {
    if different.is_empty() {
        out.push_str("    no message differs: their order or number does\n");
    }
    for output in different {
        let number = output.sequence.as_ref().map_or(String::new(), |n| format!(" number {n}"));
        let what = match output.kind {
            Kind::Changed => format!("{} fields differ", output.fields_in_all),
            Kind::Missing => format!("{was}, not {is}"),
            Kind::Extra => format!("{is}, not {was}"),
            Kind::NotFound => format!("{is}; the message {was} is not in the bag"),
        };
        let _ = writeln!(out, "    {}{number}: {what}", output.topic);
        for field in &output.fields {
            let _ =
                writeln!(out, "      {:<36} {was} {}   {is} {}", field.path, field.recorded, field.replayed);
        }
        let more = output.fields_in_all.saturating_sub(output.fields.len());
        if more > 0 {
            let _ = writeln!(out, "      and {more} more fields (--lines)");
        }
    }
}

fn effect(out: &mut String, report: &Report, e: &Effect) {
    let _ =
        writeln!(out, "  with {}: {} of {} steps differ", report.changed.join(", "), e.different, e.steps);
    let Some(first) = &e.first else {
        out.push_str("  the other files change nothing that this node put out\n");
        return;
    };
    let _ = writeln!(out, "  first at tick {}, {}", first.tick, at(report, first.log_time_ns));
    inputs(out, &first.inputs);
    outputs(out, &first.outputs, "recorded", "changed");
    let _ = writeln!(
        out,
        "  {:<26} {:>9} {:>9} {:>9} {:>9}",
        "output", "recorded", "changed", "differs", "first at"
    );
    for topic in e.topics.iter().filter(|t| t.recorded + t.other > 0) {
        let first = topic.first_tick.map_or("-".to_owned(), |t| t.to_string());
        let _ = writeln!(
            out,
            "  {:<26} {:>9} {:>9} {:>9} {first:>9}",
            topic.topic, topic.recorded, topic.other, topic.steps
        );
        for field in topic.fields.iter().filter(|f| f.steps > 0) {
            let most = field
                .greatest
                .filter(|_| !field.path.contains("mode"))
                .map_or(String::new(), |g| format!(", at most by {g:.4}"));
            let first = field.first.as_ref().map_or(String::new(), |f| {
                format!(
                    ", first at tick {} ({}): recorded {}, changed {}",
                    f.tick,
                    at(report, f.log_time_ns),
                    f.recorded,
                    f.other
                )
            });
            let _ = writeln!(out, "    {:<24} differs in {} steps{most}{first}", field.path, field.steps);
        }
    }
    out.push_str(
        "  open loop: from the first difference on the recorded inputs prove nothing about the world that would have been.\n  \
         Next: `outrider bag extract` makes a scenario of this bag, `outrider sim` drives it with the other files.\n",
    );
}

fn from_topics(out: &mut String, r: &FromTopics) {
    let _ = writeln!(
        out,
        "{:<12} {} messages in {} steps from topics: not the recorded decisions, the order at ingest is not known",
        r.node, r.messages, r.steps
    );
    for topic in &r.absent {
        let _ = writeln!(out, "  the bag has no message of its input {topic}");
    }
    let _ = writeln!(
        out,
        "  {:<26} {:>9} {:>9} {:>9} {:>9}",
        "output", "recorded", "replayed", "compared", "equal"
    );
    for t in r.topics.iter().filter(|t| t.recorded + t.replayed > 0) {
        let _ = writeln!(
            out,
            "  {:<26} {:>9} {:>9} {:>9} {:>9}",
            t.topic, t.recorded, t.replayed, t.compared, t.equal
        );
        fields(out, t);
    }
    out.push_str(
        "  equal: all fields but stamps, numbers and digests, against the newest that had come out by then\n",
    );
    if !r.stopped.is_empty() {
        let _ = writeln!(out, "  ended early: {}", r.stopped);
    }
}

fn fields(out: &mut String, t: &TopicStatistics) {
    for field in &t.fields {
        let numbers = match (field.mean, field.greatest) {
            (Some(mean), Some(greatest)) => format!(", by {mean:.4} on average, at most by {greatest:.4}"),
            _ => String::new(),
        };
        let _ = writeln!(out, "    {:<24} differs in {}{numbers}", field.path, field.different);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_msgs::outrider_msgs::NodeInfo;
    use outrider_suite::replay::Outputs;

    fn report(outcome: Outcome) -> Report {
        Report { runs: vec![outcome], changed: vec!["config=other.yaml".into()], ..Report::default() }
    }

    fn different(recorded: u32, replayed: u32, proven: bool) -> String {
        let difference = Difference {
            tick: 7,
            monotonic_ns: 0,
            ros_ns: 0,
            log_time_ns: 0,
            inputs: Vec::new(),
            recorded: (recorded, 1),
            replayed: (replayed, 2),
            outputs: Outputs { proven, different: Vec::new() },
        };
        page(&report(Outcome { difference: Some(difference), steps: 10, ..Outcome::default() }))
    }

    #[test]
    fn outputs_that_are_not_in_the_bag_are_counted() {
        let text = different(3, 1, false);
        assert!(text.contains("    2 recorded outputs were not found in the bag\n"), "{text}");
        assert!(!text.contains("no message differs"), "{text}");
        for text in [different(2, 2, true), different(2, 2, false), different(1, 2, false)] {
            assert!(text.contains("no message differs: their order or number does"), "{text}");
        }
    }

    #[test]
    fn nothing_is_said_of_an_effect_on_no_step() {
        let effect = Some(Effect::new(&NodeInfo::default()));
        let text = page(&report(Outcome { effect, stopped: "no info".into(), ..Outcome::default() }));
        assert!(text.contains("not all could be run again: no info"), "{text}");
        assert!(!text.contains("change nothing") && !text.contains("--from-topics"), "{text}");
        let mut effect = Effect::new(&NodeInfo::default());
        effect.steps = 5;
        let text = page(&report(Outcome { effect: Some(effect), ..Outcome::default() }));
        assert!(text.contains("the other files change nothing"), "{text}");
    }

    #[test]
    fn without_other_files_the_way_by_the_topics_is_told() {
        let outcome = Outcome { stopped: "no info".into(), recorded_twice: 4, ..Outcome::default() };
        let text = page(&Report { runs: vec![outcome], ..Report::default() });
        assert!(text.contains("--from-topics"), "{text}");
        assert!(text.contains("4 steps are recorded twice"), "{text}");
    }
}
