//! The table, in Markdown.

use super::Line;

/// One row for every setting, the world model's tracker before the plain one; and below it how often the first was better.
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| people | missed | false alarms | latency | MOTA | GOSPA | id switches | NEES apart (95 % band) | its own 95 % interval | by the mixture, apart | NEES all | by the mixture, all | plain: MOTA | GOSPA | id switches | NEES apart |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for line in lines {
        let (c, ours, plain) = (line.setting, &line.tracker, &line.baseline);
        text += &format!(
            "| {} | {:.0} % | {} | {:.0} ms | {} | {:.3} m | {} | {} | {} | {} | {:.2} | {} | {} | {:.3} m | {} | {} |\n",
            c.people,
            100.0 * c.miss,
            c.false_alarms,
            1e3 * c.latency_s,
            ours.mota_shown(),
            ours.gospa_m,
            ours.switches,
            ours.nees_apart.banded(),
            ours.nees_apart.spread(),
            line.mixture_apart.marked(),
            ours.nees.mean,
            line.mixture.marked(),
            plain.mota_shown(),
            plain.gospa_m,
            plain.switches,
            plain.nees_apart.marked(),
        );
    }
    text + "\n" + &summary(lines)
}

fn summary(lines: &[Line]) -> String {
    let count = |holds: &dyn Fn(&Line) -> bool| lines.iter().filter(|l| holds(l)).count();
    format!(
        "Of {} rows, better than the plain tracker: MOTA {}, GOSPA {}, id switches {} (and {} equal). NEES of those apart within its band: {}, the plain tracker's {}; four within its own interval: {}, the plain tracker's {}. Errors by the mixture within the same band: {} of those apart, {} of all.\n",
        lines.len(),
        count(&|l| l.tracker.mota > l.baseline.mota),
        count(&|l| l.tracker.gospa_m < l.baseline.gospa_m),
        count(&|l| l.tracker.switches < l.baseline.switches),
        count(&|l| l.tracker.switches == l.baseline.switches),
        count(&|l| l.tracker.nees_apart.is_within()),
        count(&|l| l.baseline.nees_apart.is_within()),
        count(&|l| l.tracker.nees_apart.holds_true()),
        count(&|l| l.baseline.nees_apart.holds_true()),
        count(&|l| l.mixture_apart.is_within()),
        count(&|l| l.mixture.is_within()),
    )
}
