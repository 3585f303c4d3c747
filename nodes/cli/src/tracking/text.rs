//! The verdict as it is printed.

use super::Verdict;
use std::fmt::Write as _;

/// The most people that are listed.
const PEOPLE_SHOWN: usize = 100;

/// Lines for a terminal, the tables in Markdown.
pub fn text(v: &Verdict) -> String {
    let mut out = format!("{}\n", v.source);
    let sight = if v.in_sight_only { " with no wall of the map between" } else { ", hidden or not" };
    let _ = writeln!(
        out,
        "  judged     {} times, ten a second at most; {} world models without a truth of their time",
        v.moments, v.without_truth
    );
    let _ = writeln!(
        out,
        "  counted    people and tracks within {} m of the robot{sight}; places are as seen from the robot",
        v.within_m
    );
    for (topic, count) in &v.refused {
        let _ = writeln!(out, "  refused    {count} of {topic}");
    }
    for reason in &v.reasons {
        let _ = writeln!(out, "  because    {reason}");
    }
    let s = &v.score;
    out += "\n| people, times | MOTA | GOSPA | missed | of nobody | id switches | NEES apart (95 % band) | its own 95 % interval | NEES all |\n\
            |--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    let _ = writeln!(
        out,
        "| {} | {} | {:.3} m | {} | {} | {} | {} | {} | {:.2} |",
        s.people,
        s.mota_shown(),
        s.gospa_m,
        s.missed,
        s.invented,
        s.switches,
        s.nees_apart.banded(),
        s.nees_apart.spread(),
        s.nees.mean
    );
    out += "\n| who | times | followed | ids | error, rms | greatest |\n|---|--:|--:|--:|--:|--:|\n";
    for (name, p) in v.people.iter().take(PEOPLE_SHOWN) {
        let share = 100.0 * p.followed as f64 / p.times.max(1) as f64;
        let _ = writeln!(
            out,
            "| {name} | {} | {share:.1} % | {} | {:.3} m | {:.3} m |",
            p.times, p.ids, p.error_m, p.error_max_m
        );
    }
    if v.people.len() > PEOPLE_SHOWN {
        let _ = writeln!(
            out,
            "\nof {} people the first {PEOPLE_SHOWN} are listed; --json has all",
            v.people.len()
        );
    }
    out
}
