//! What the recorder is told by `recorder.yaml`.

use garde::Validate;
use outrider_bags::{Compression, Fsync, PipelineOptions, SnapshotLimits, Split};
use outrider_foundation::validate::{maybe_within, within};
use regex::Regex;
use serde::Deserialize;
use std::time::Duration;

/// The most patterns of a list.
const PATTERN_LIMIT: usize = 200;

/// `recorder.yaml`.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct RecorderConfig {
    #[garde(length(max = PATTERN_LIMIT))]
    pub include: Vec<String>,
    #[garde(length(max = PATTERN_LIMIT))]
    pub exclude: Vec<String>,
    #[garde(skip)]
    pub hidden: bool,
    #[garde(skip)]
    pub compression: Stored,
    #[garde(range(min = 16, max = 8192))]
    pub chunk_kib: usize,
    #[garde(range(min = 1, max = 1024))]
    pub queue_mib: usize,
    #[garde(range(min = 1, max = 10_000_000))]
    pub queue_messages: usize,
    #[garde(range(min = 1, max = 1024))]
    pub stall_mib: usize,
    #[garde(dive)]
    pub fsync: FsyncPolicy,
    #[garde(dive)]
    pub split: SplitConfig,
    #[garde(range(max = 1000))]
    pub repeat_latched: usize,
    #[garde(dive)]
    pub snapshot: Option<SnapshotConfig>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stored {
    None,
    Zstd,
}

#[derive(Clone, Copy, Debug, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
pub(super) enum FsyncPolicy {
    Never,
    OnClose,
    EveryS(#[garde(custom(within(0.01, 3600.0)))] f64),
}

#[derive(Clone, Copy, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitConfig {
    #[garde(range(min = 1, max = 1_000_000))]
    pub size_mib: Option<u64>,
    #[garde(custom(maybe_within(1.0, 1_000_000.0)))]
    pub duration_s: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotConfig {
    #[garde(custom(within(1.0, 3600.0)))]
    pub seconds: f64,
    #[garde(range(min = 1, max = 4096))]
    pub mib: usize,
    #[garde(length(max = PATTERN_LIMIT))]
    pub on_topics: Vec<String>,
    #[garde(custom(within(0.0, 60.0)))]
    pub after_s: f64,
}

/// What is recorded when there is no file: as `config/recorder.yaml` has it.
pub(super) const DEFAULT: &str = include_str!("../../../../config/recorder.yaml");

impl RecorderConfig {
    pub(super) fn options(&self) -> PipelineOptions {
        let nanos = |seconds: f64| Duration::from_secs_f64(seconds).as_nanos().try_into().unwrap_or(u64::MAX);
        PipelineOptions {
            compression: match self.compression {
                Stored::None => Compression::None,
                Stored::Zstd => Compression::Zstd,
            },
            chunk_bytes: self.chunk_kib << 10,
            queue_bytes: self.queue_mib << 20,
            queue_messages: self.queue_messages,
            stall_bytes: self.stall_mib << 20,
            fsync: match self.fsync {
                FsyncPolicy::Never => Fsync::Never,
                FsyncPolicy::OnClose => Fsync::OnClose,
                FsyncPolicy::EveryS(seconds) => Fsync::Every(Duration::from_secs_f64(seconds)),
            },
            split: Split {
                bytes: self.split.size_mib.map(|mib| mib << 20),
                duration_ns: self.split.duration_s.map(nanos),
            },
            snapshot: self
                .snapshot
                .as_ref()
                .map(|s| SnapshotLimits { bytes: s.mib << 20, seconds_ns: nanos(s.seconds) }),
            ..PipelineOptions::default()
        }
    }
}

/// Which topics are recorded.
#[derive(Debug)]
pub(super) struct Choice {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    hidden: bool,
}

impl Choice {
    /// # Errors
    /// Names the pattern that is none.
    pub(super) fn new(config: &RecorderConfig) -> anyhow::Result<Self> {
        let compiled = |key: &str, patterns: &[String]| -> anyhow::Result<Vec<Regex>> {
            let compile = |pattern: &String| {
                Regex::new(&format!("^(?:{pattern})$"))
                    .map_err(|error| anyhow::anyhow!("`{key}`: the pattern `{pattern}`: {error}"))
            };
            patterns.iter().map(compile).collect()
        };
        let (include, exclude) =
            (compiled("include", &config.include)?, compiled("exclude", &config.exclude)?);
        Ok(Self { include, exclude, hidden: config.hidden })
    }

    pub(super) fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic));
        let hidden = topic.split('/').any(|part| part.starts_with('_'));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude) && (self.hidden || !hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_runtime::config::parse;

    fn with(text: &str) -> RecorderConfig {
        parse("recorder.yaml", text).unwrap()
    }

    #[test]
    fn the_file_that_is_there_is_taken_and_others_are_refused_with_the_line() {
        let options = with(DEFAULT).options();
        assert_eq!(options.fsync, Fsync::OnClose);
        assert_eq!((options.split, options.snapshot), (Split::default(), None));
        let every = with(&DEFAULT.replace("fsync: on_close", "fsync:\n  every_s: 2.5"));
        assert_eq!(every.options().fsync, Fsync::Every(Duration::from_millis(2500)));
        let snapshot = "snapshot: {seconds: 30, mib: 64, on_topics: [/assurance/event], after_s: 1}";
        let limits = with(&DEFAULT.replace("snapshot: null", snapshot)).options().snapshot.unwrap();
        assert_eq!((limits.bytes, limits.seconds_ns), (64 << 20, 30_000_000_000));
        for (from, to, named) in [
            ("fsync: on_close", "fsync: {every_s: 0}", "every_s"),
            ("fsync: on_close", "fsync: sometimes", "sometimes"),
            ("chunk_kib: 256", "chunk_kib: 1", "chunk_kib"),
            ("hidden: false", "hiden: false", "hiden"),
        ] {
            let error =
                parse::<RecorderConfig>("recorder.yaml", &DEFAULT.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains("recorder.yaml") && error.contains(named), "{error}");
        }
    }

    #[test]
    fn patterns_are_of_whole_names() {
        let choose = |include: &str, exclude: &str| {
            let text = DEFAULT.replace("include: []", &format!("include: [{include}]"));
            Choice::new(&with(&text.replace("exclude: []", &format!("exclude: [{exclude}]")))).unwrap()
        };
        let all = choose("", "");
        assert!(all.takes("/scan") && !all.takes("/_hidden") && !all.takes("/a/_action/status"));
        let some = choose("/scan, '/camera/.*'", "'.*/raw'");
        assert!(some.takes("/scan") && some.takes("/camera/a") && !some.takes("/camera/raw"));
        assert!(!some.takes("/scan2") && !some.takes("/front/scan"));
        let error =
            Choice::new(&with(&DEFAULT.replace("exclude: []", "exclude: ['/(']"))).unwrap_err().to_string();
        assert!(error.contains("`exclude`: the pattern `/(`"), "{error}");
    }
}
