//! `outrider bag anomalies`: what is not as usual in a bag: rates, delays, signals that stand still, and, against a
//! reference, how signals are distributed.

use super::drift::{Reference, Series};
use super::events::steady;
use super::signals::{Chosen, draw};
use super::survey::{Seen, Survey, open};
use anyhow::ensure;
use outrider_runtime::payload_digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A window's rate is unusual below this part of the usual one, or above its inverse.
const RATE_PART: f64 = 0.7;
/// Windows are alike whose counts differ by no more than one message and one in so many.
const ALIKE: u64 = 10;
/// Fewer messages in a window are no rate.
const STEADY_COUNT: u64 = 5;
/// A window's mean delay is unusual above so many usual ones …
const DELAY_FACTOR: f64 = 2.0;
/// … and this much more, s.
const DELAY_S: f64 = 0.02;
/// Nothing is frozen that repeats itself for less long, s, or less often.
const FROZEN: (f64, u64) = (0.5, 5);
/// Frozen for so many times as long as in the reference is unusual.
const FROZEN_FACTOR: f64 = 2.0;
/// Without a reference only these types are known to vary always: they measure, with noise.
const NOISY: [&str; 4] = [
    "sensor_msgs/msg/LaserScan",
    "sensor_msgs/msg/Imu",
    "nav_msgs/msg/Odometry",
    "sensor_msgs/msg/PointCloud2",
];
/// Fields of a message that change though nothing does.
const COUNTING: [&str; 4] = ["stamp", "sequence", "boot_id", "world_model_sequence"];
/// Longer messages are compared byte by byte behind their first stamp, not field by field.
const FIELDWISE_BYTES: usize = 16 << 10;
/// A signal has drifted when chance gives such a Kolmogorov–Smirnov D less often than this, over all signals together …
const CHANCE: f64 = 0.001;
/// … and the Wasserstein distance is at least this, in standard deviations of the reference.
const DRIFT: f64 = 0.25;
/// Or when a window is so many times as far from the reference as the farthest of the reference's own windows …
const WINDOW_FACTOR: f64 = 2.0;
/// … and at least this far, in standard deviations.
const WINDOW_DRIFT: f64 = 1.0;
/// A window with fewer values says nothing.
const WINDOW_VALUES: usize = 10;
/// The most windows of a bag: longer bags have longer windows.
const WINDOW_LIMIT: f64 = 2_000.0;
/// The most signals.
const SIGNAL_LIMIT: usize = 200;

/// Arguments of `outrider bag anomalies`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bag.
    pub bag: PathBuf,
    /// A bag that was as it should be; without, only rates, delays and frozen signals are looked at.
    #[arg(long, value_name = "BAG")]
    pub reference: Option<PathBuf>,
    /// Compare this field in place of the default signals; may be repeated.
    #[arg(long, value_name = "TOPIC:FIELD")]
    pub signal: Vec<String>,
    /// Length of the windows in which things are placed, s.
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    pub window: f64,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Something unusual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anomaly {
    /// `rate`, `delay`, `frozen`, `drift`, `missing` or `new`.
    pub kind: &'static str,
    /// Topic or signal.
    pub what: String,
    /// How many times the threshold: 1 is just told.
    pub score: f64,
    /// The worst place, since the start of the bag.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// One sentence.
    pub text: String,
}

/// Runs `outrider bag anomalies`. The exit code is 1 when there are any.
///
/// # Errors
/// When a bag cannot be read or an argument is not sound.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let found = anomalies(args)?;
    super::show(args.json, &found, || {
        let line = |a: &Anomaly| {
            let (from_s, to_s) = (a.from_s, a.to_s);
            format!("{:8} {:6.1}  {from_s:9.3} to {to_s:9.3} s  {}: {}\n", a.kind, a.score, a.what, a.text)
        };
        let lines: String = found.iter().map(line).collect();
        if lines.is_empty() { "nothing unusual\n".to_owned() } else { lines }
    })?;
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is unusual, the worst first.
///
/// # Errors
/// As [`run`].
pub fn anomalies(args: &Args) -> anyhow::Result<Vec<Anomaly>> {
    ensure!(
        args.window >= 0.1 && args.window <= 3600.0,
        "--window: {} is not within [0.1, 3600]",
        args.window
    );
    let chosen = args.signal.iter().map(|s| Chosen::parse(s)).collect::<anyhow::Result<Vec<_>>>()?;
    let bag = Profile::read(&args.bag, args.window, &chosen)?;
    let reference = args.reference.as_deref().map(|r| Profile::read(r, args.window, &chosen)).transpose()?;
    for c in &chosen {
        let name = c.name();
        let there = |p: &Profile| p.signals.contains_key(&name);
        ensure!(
            there(&bag) || reference.as_ref().is_some_and(there),
            "--signal: {name}: no such topic or field with numbers in the bag"
        );
    }
    let mut found = Vec::new();
    bag.rates(reference.as_ref(), &mut found);
    bag.delays(reference.as_ref(), &mut found);
    bag.frozen(reference.as_ref(), &mut found);
    if let Some(reference) = &reference {
        bag.topics_of(reference, &mut found);
        bag.drifts(reference, &mut found);
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(found)
}

/// One window of one topic.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    count: u64,
    delayed: u64,
    delay_s: f64,
}

/// A stretch of equal messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Still {
    from_s: f64,
    to_s: f64,
    count: u64,
}

impl Still {
    fn length_s(self) -> f64 {
        self.to_s - self.from_s
    }
}

#[derive(Default)]
struct TopicProfile {
    windows: Vec<Window>,
    last: u64,
    now: Still,
    longest: Still,
}

/// What is compared of one bag.
struct Profile {
    survey: Survey,
    window_s: f64,
    topics: BTreeMap<String, TopicProfile>,
    signals: BTreeMap<String, Series>,
}

impl Profile {
    fn read(path: &Path, window_s: f64, chosen: &[Chosen]) -> anyhow::Result<Self> {
        let (reader, start_ns, end_ns) = open(path)?;
        let window_s = window_s.max((end_ns - start_ns) as f64 / 1e9 / WINDOW_LIMIT);
        let mut topics: BTreeMap<String, TopicProfile> = BTreeMap::new();
        let mut signals: BTreeMap<String, Series> = BTreeMap::new();
        let counting: Vec<String> = COUNTING.iter().map(|s| (*s).to_owned()).collect();
        let mut content = Vec::new();
        let survey = Survey::pass(&reader, (start_ns, end_ns), &mut |seen: &Seen<'_>| {
            let t_s = seen.message.log_time_ns.saturating_sub(start_ns) as f64 / 1e9;
            let digest = content_digest(seen, &counting, &mut content);
            let name = &seen.channel.topic;
            if !topics.contains_key(name) {
                topics.insert(name.clone(), TopicProfile::default());
            }
            if let Some(topic) = topics.get_mut(name) {
                topic.note(t_s, window_s, delay_s(seen), digest);
            }
            draw(seen, chosen, &mut |signal, value| {
                if !signals.contains_key(signal) && signals.len() < SIGNAL_LIMIT {
                    signals.insert(signal.to_owned(), Series::default());
                }
                if let Some(series) = signals.get_mut(signal) {
                    series.push(t_s, value);
                }
            });
            Ok(())
        })?;
        Ok(Self { survey, window_s, topics, signals })
    }

    /// Windows that lie in the bag as a whole: the last may be cut.
    fn whole_windows(&self) -> usize {
        (self.survey.duration_s() / self.window_s) as usize
    }

    /// Usual rate of a steady topic: that of its median window. A reference has to be steady from message to message; a
    /// bag that is its own reference only in most of its windows, for in the others lies what is looked for.
    fn usual_rate_hz(&self, topic: &str, own: bool) -> Option<f64> {
        if !own {
            steady(self.survey.topics.get(topic)?)?;
        }
        let windows = &self.topics.get(topic)?.windows;
        let count = |i: usize| windows.get(i).map_or(0, |w| w.count);
        let mut counts: Vec<u64> = (0..self.whole_windows()).map(count).collect();
        counts.sort_unstable();
        let usual = *counts.get(counts.len() / 2)?;
        let alike = counts.iter().filter(|c| c.abs_diff(usual) <= 1 + usual / ALIKE).count();
        let is_steady = !own || (usual >= STEADY_COUNT && 3 * alike >= 2 * counts.len());
        (usual > 0 && is_steady).then(|| usual as f64 / self.window_s)
    }

    fn rates(&self, reference: Option<&Self>, found: &mut Vec<Anomaly>) {
        for (name, topic) in &self.topics {
            // What is steady in the reference has to be so here.
            let usual = match reference {
                Some(r) => r.usual_rate_hz(name, false),
                None => self.usual_rate_hz(name, true),
            };
            let Some(usual_hz) = usual else { continue };
            let at_least = (usual_hz * self.window_s).max(1.0);
            let mut worst: Option<(f64, usize, f64)> = None;
            for index in 0..self.whole_windows() {
                let count = topic.windows.get(index).map_or(0, |w| w.count) as f64;
                // A message more or less in a window is its edge.
                let part = if count < at_least {
                    (count + 1.0).min(at_least) / at_least
                } else {
                    at_least / (count - 1.0).max(at_least)
                };
                let score = RATE_PART / part.max(0.01);
                if score > 1.0 && worst.is_none_or(|w| score > w.0) {
                    worst = Some((score, index, count / self.window_s));
                }
            }
            if let Some((score, index, hz)) = worst {
                let text = format!("{hz:.2} Hz, usually {usual_hz:.2} Hz");
                found.push(self.anomaly("rate", name, score, index, text));
            }
        }
    }

    fn anomaly(&self, kind: &'static str, what: &str, score: f64, index: usize, text: String) -> Anomaly {
        let from_s = index as f64 * self.window_s;
        Anomaly { kind, what: what.to_owned(), score, from_s, to_s: from_s + self.window_s, text }
    }

    fn delays(&self, reference: Option<&Self>, found: &mut Vec<Anomaly>) {
        for (name, topic) in &self.topics {
            let usual = reference.map_or(Some(&self.survey), |r| Some(&r.survey));
            let Some(of) = usual.and_then(|s| s.topics.get(name)) else { continue };
            // Of its own bag the median: the worst window must not be its own measure.
            let Some(usual_s) = of.latency_s(if reference.is_some() { 0.99 } else { 0.5 }) else { continue };
            let limit_s = (usual_s * DELAY_FACTOR).max(usual_s + DELAY_S);
            let means = topic.windows.iter().enumerate().filter(|(_, w)| w.delayed > 0);
            let worst =
                means.map(|(i, w)| (w.delay_s / w.delayed as f64, i)).max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((mean_s, index)) = worst.filter(|(mean_s, _)| *mean_s > limit_s) {
                let text =
                    format!("logged {:.1} ms after its stamp, usually {:.1} ms", mean_s * 1e3, usual_s * 1e3);
                found.push(self.anomaly("delay", name, mean_s / limit_s, index, text));
            }
        }
    }

    fn frozen(&self, reference: Option<&Self>, found: &mut Vec<Anomaly>) {
        for (name, topic) in &self.topics {
            let still = topic.longest;
            if still.count < FROZEN.1 || still.length_s() <= FROZEN.0 {
                continue;
            }
            let usual_s = match reference {
                Some(r) => match (r.topics.get(name), r.usual_rate_hz(name, false)) {
                    (Some(t), Some(_)) => t.longest.length_s(),
                    _ => continue,
                },
                None => {
                    let type_name = self.survey.topics.get(name).map_or("", |t| &t.type_name);
                    if !NOISY.contains(&type_name) {
                        continue;
                    }
                    0.0
                }
            };
            let limit_s = (FROZEN_FACTOR * usual_s).max(FROZEN.0);
            if still.length_s() > limit_s {
                found.push(Anomaly {
                    kind: "frozen",
                    what: name.clone(),
                    score: still.length_s() / limit_s,
                    from_s: still.from_s,
                    to_s: still.to_s,
                    text: format!(
                        "the same content {} times, usually for {usual_s:.2} s at most",
                        still.count
                    ),
                });
            }
        }
    }

    fn topics_of(&self, reference: &Self, found: &mut Vec<Anomaly>) {
        let to_s = self.survey.duration_s();
        let mut tell = |kind, what: &String, text: String| {
            found.push(Anomaly { kind, what: what.clone(), score: 1.0, from_s: 0.0, to_s, text });
        };
        for (name, t) in &reference.survey.topics {
            let there = self.survey.topics.get(name).is_some_and(|t| t.count > 0);
            if reference.usual_rate_hz(name, false).is_some() && !there {
                tell("missing", name, format!("{} messages in the reference, none here", t.count));
            }
        }
        for (name, t) in &self.survey.topics {
            if self.usual_rate_hz(name, false).is_some() && !reference.survey.topics.contains_key(name) {
                tell("new", name, format!("{} messages, none in the reference", t.count));
            }
        }
    }

    fn drifts(&self, reference: &Self, found: &mut Vec<Anomaly>) {
        let shared = self.signals.iter().filter_map(|(n, s)| Some((n, s, reference.signals.get(n)?)));
        let shared: Vec<(&String, &Series, &Series)> = shared.collect();
        // As many chances to err as signals (Bonferroni).
        let chance = CHANCE / shared.len().max(1) as f64;
        for (name, series, usual) in shared {
            let Some(r) = Reference::new(&usual.values()) else { continue };
            let values = series.values();
            if values.len() < WINDOW_VALUES {
                continue;
            }
            let d = r.distance(&values);
            let own_farthest = reference.windows_of(usual, &r).map(|w| w.0).fold(0.0, f64::max);
            let Some((far, index)) = self.windows_of(series, &r).max_by(|a, b| a.0.total_cmp(&b.0)) else {
                continue;
            };
            let as_a_whole = if d.p < chance { d.wasserstein / DRIFT } else { 0.0 };
            let in_a_window = (far / WINDOW_DRIFT).min(far / (WINDOW_FACTOR * own_farthest).max(1e-9));
            let score = as_a_whole.max(in_a_window);
            if score > 1.0 {
                let from_s = index as f64 * self.window_s;
                let (mean, _) = super::drift::moments(&series.between(from_s, from_s + self.window_s));
                let text = format!(
                    "W1 {:.2} sigma, KS D {:.2} (p {:.1e}); here {far:.1} sigma off: mean {mean:.4}, usually {:.4}",
                    d.wasserstein, d.ks, d.p, r.mean
                );
                found.push(self.anomaly("drift", name, score, index, text));
            }
        }
    }

    /// Distance from the reference and number of every window with enough values.
    fn windows_of<'a>(
        &'a self,
        series: &'a Series,
        r: &'a Reference,
    ) -> impl Iterator<Item = (f64, usize)> + 'a {
        (0..=self.whole_windows()).filter_map(move |index| {
            let from_s = index as f64 * self.window_s;
            let values = series.between(from_s, from_s + self.window_s);
            (values.len() >= WINDOW_VALUES).then(|| (r.wasserstein(&values), index))
        })
    }
}

impl TopicProfile {
    fn note(&mut self, t_s: f64, window_s: f64, delay_s: Option<f64>, digest: u64) {
        let index = (t_s / window_s) as usize;
        if self.windows.len() <= index {
            self.windows.resize(index + 1, Window::default());
        }
        if let Some(window) = self.windows.get_mut(index) {
            window.count += 1;
            if let Some(delay_s) = delay_s {
                window.delayed += 1;
                window.delay_s += delay_s;
            }
        }
        if self.now.count > 0 && digest == self.last {
            self.now.to_s = t_s;
            self.now.count += 1;
        } else {
            self.now = Still { from_s: t_s, to_s: t_s, count: 1 };
        }
        self.last = digest;
        if self.now.length_s() > self.longest.length_s() {
            self.longest = self.now;
        }
    }
}

fn delay_s(seen: &Seen<'_>) -> Option<f64> {
    let stamp_ns = seen.head?.stamp_ns.filter(|s| *s != 0)?;
    Some((i128::from(seen.message.log_time_ns) - i128::from(stamp_ns)) as f64 / 1e9)
}

/// Of what a message says, without its stamps and counts.
fn content_digest(seen: &Seen<'_>, counting: &[String], content: &mut Vec<u8>) -> u64 {
    let data = &seen.message.data;
    if let Some(schema) = seen.schema.filter(|_| data.len() <= FIELDWISE_BYTES) {
        content.clear();
        let walked = schema.leaves(data, &mut |path, value| {
            if !path.has_any(counting) {
                value.bits(content);
            }
            true
        });
        if walked.is_ok() {
            return payload_digest(content);
        }
    }
    // Encapsulation header and stamp.
    payload_digest(data.get(12..).unwrap_or(data))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Example, bag};
    use super::*;

    fn found(example: &Example, reference: Option<&Example>) -> Vec<Anomaly> {
        let dir = tempfile::tempdir().unwrap();
        let args = Args {
            bag: bag(dir.path(), "x", example),
            reference: reference.map(|r| bag(dir.path(), "r", r)),
            signal: Vec::new(),
            window: 1.0,
            json: false,
        };
        anomalies(&args).unwrap()
    }

    fn long() -> Example {
        Example { seconds: 12, ..Example::default() }
    }

    fn only<'a>(found: &'a [Anomaly], kind: &str, what: &str) -> &'a Anomaly {
        let all: Vec<_> = found.iter().filter(|a| a.kind == kind).collect();
        assert_eq!(all.iter().map(|a| a.what.as_str()).collect::<Vec<_>>(), [what], "{found:?}");
        all[0]
    }

    #[test]
    fn another_seed_of_the_same_is_quiet() {
        for seed in 2..8 {
            let all = found(&Example { seed, ..long() }, Some(&long()));
            assert!(all.is_empty(), "seed {seed}: {all:?}");
        }
        assert!(found(&long(), None).is_empty());
    }

    #[test]
    fn a_topic_that_slows_down_is_found_where_it_does() {
        let bad = Example { slow: Some(("/scan", 8.0)), seed: 2, ..long() };
        let a = found(&bad, Some(&long()));
        let a = only(&a, "rate", "/scan");
        assert!(
            a.from_s >= 8.0 && a.score > 1.0 && a.text.starts_with("10.00 Hz, usually 20.00 Hz"),
            "{a:?}"
        );
        // Without a reference the rest of the bag is one.
        let b = found(&bad, None);
        assert!(only(&b, "rate", "/scan").from_s >= 8.0);
    }

    #[test]
    fn a_delay_is_found_where_it_begins() {
        let bad = Example { late: Some(("/odom", 8.0, 0.15)), seed: 2, ..long() };
        for reference in [None, Some(&long())] {
            let all = found(&bad, reference);
            let a = only(&all, "delay", "/odom");
            assert!(a.from_s >= 8.0 && a.text.contains("logged 150.0 ms after"), "{a:?}");
        }
    }

    #[test]
    fn a_frozen_scan_is_found_with_its_times() {
        let bad = Example { frozen: Some((5.0, 7.0)), seed: 2, ..long() };
        for reference in [None, Some(&long())] {
            let all = found(&bad, reference);
            let a = only(&all, "frozen", "/scan");
            assert!((a.from_s - 5.0).abs() < 0.06 && (a.to_s - 6.95).abs() < 0.06, "{a:?}");
        }
    }

    #[test]
    fn a_shifted_signal_is_found_in_the_right_window() {
        let bad = Example { nearer: Some((8.0, 0.8)), seed: 2, ..long() };
        let all = found(&bad, Some(&long()));
        let a = only(&all, "drift", "scan min range");
        assert!(a.from_s >= 8.0 && a.score > 1.0, "{a:?}");
        // There is nothing to compare with.
        assert!(found(&bad, None).is_empty());
    }

    #[test]
    fn chosen_signals_are_compared_and_unknown_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let reference = bag(dir.path(), "r", &long());
        let bad = bag(dir.path(), "x", &Example { nearer: Some((8.0, 0.8)), seed: 2, ..long() });
        let mut args = Args {
            bag: bad,
            reference: Some(reference),
            signal: vec!["/scan:ranges".into()],
            window: 1.0,
            json: false,
        };
        let all = anomalies(&args).unwrap();
        assert_eq!((all.len(), all[0].what.as_str()), (1, "/scan:ranges"), "{all:?}");
        args.signal = vec!["/scan:rangers".into()];
        assert!(anomalies(&args).unwrap_err().to_string().contains("/scan:rangers: no such topic or field"));
        args.window = 0.0;
        assert!(anomalies(&args).unwrap_err().to_string().contains("--window: 0 is not within"));
    }
}
