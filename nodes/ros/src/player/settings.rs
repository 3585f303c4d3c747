//! What a player is to do, from its parameters; every limit is checked here, against the bag.

use crate::params::Parameters;
use anyhow::{Context as _, ensure};
use outrider_bags::BagReader;
use outrider_foundation::Span;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Rates other than zero, seconds of the bag a second.
pub(super) const RATES: RangeInclusive<f64> = 0.01..=100.0;
/// Of `/clock`, when it is not zero.
const CLOCK_HZ: RangeInclusive<f64> = 0.1..=1000.0;
const FULL_SPEED_HZ: RangeInclusive<f64> = 1.0..=1_000_000.0;
const DEFAULT_RATE: f64 = 1.0;
const DEFAULT_CLOCK_HZ: f64 = 100.0;
/// For consumers with short queues and for best effort; acknowledgements alone allow more (see `docs/player.md`).
const DEFAULT_FULL_SPEED_HZ: f64 = 2000.0;

/// What the user wants, within the limits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub bag: PathBuf,
    /// Zero: as fast as consumers take it.
    pub rate: f64,
    pub repeat: bool,
    pub start_paused: bool,
    /// Only these topics; empty: all.
    pub topics: Vec<String>,
    pub exclude: Vec<String>,
    /// From the bag's first message.
    pub start_offset: Span,
    /// From there; `None`: to the end.
    pub duration: Option<Span>,
    /// `None`: no `/clock`.
    pub clock_period: Option<Span>,
    /// Messages a second at full speed, over all topics with a subscriber.
    pub full_speed_hz: u32,
}

impl Settings {
    /// # Errors
    /// Names a parameter that is missing or out of its limits.
    pub(super) fn of(parameters: &Parameters) -> anyhow::Result<Self> {
        let bag = parameters.bag.clone().context("parameter `bag` has to name a bag")?;
        let rate = parameters.rate.unwrap_or(DEFAULT_RATE);
        ensure!(
            is_zero(rate) || RATES.contains(&rate),
            "parameter `rate`: {rate} is neither 0 (as fast as it is taken) nor within {}",
            limits(&RATES)
        );
        let clock_hz = parameters.clock_hz.unwrap_or(DEFAULT_CLOCK_HZ);
        ensure!(
            is_zero(clock_hz) || CLOCK_HZ.contains(&clock_hz),
            "parameter `clock_hz`: {clock_hz} is neither 0 (no /clock) nor within {}",
            limits(&CLOCK_HZ)
        );
        let full_speed_hz = parameters.full_speed_hz.unwrap_or(DEFAULT_FULL_SPEED_HZ);
        ensure!(
            FULL_SPEED_HZ.contains(&full_speed_hz),
            "parameter `full_speed_hz`: {full_speed_hz} is not within {}",
            limits(&FULL_SPEED_HZ)
        );
        let start_offset_s = parameters.start_offset.unwrap_or(0.0);
        ensure!(
            start_offset_s >= 0.0 && start_offset_s.is_finite(),
            "parameter `start_offset`: {start_offset_s} s is below 0"
        );
        let duration_s = parameters.duration.unwrap_or(-1.0);
        ensure!(duration_s.is_finite(), "parameter `duration`: {duration_s} is no number of seconds");
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within [1, 1e6], as was checked"
        )]
        let full_speed_hz = full_speed_hz.round() as u32;
        Ok(Self {
            bag,
            rate,
            repeat: parameters.repeat,
            start_paused: parameters.start_paused,
            topics: parameters.topics.clone(),
            exclude: parameters.exclude.clone(),
            start_offset: Span::from_s(start_offset_s),
            duration: (duration_s >= 0.0).then(|| Span::from_s(duration_s)),
            clock_period: (!is_zero(clock_hz)).then(|| Span::from_s(clock_hz.recip())),
            full_speed_hz,
        })
    }

    /// First and last log time to be played, in ns since the epoch.
    ///
    /// # Errors
    /// When the bag has no messages or the start lies behind its end.
    pub(super) fn bounds_ns(&self, bag: &BagReader) -> anyhow::Result<(i64, i64)> {
        let found = bag.bounds_ns().with_context(|| format!("{} holds no messages", self.bag.display()))?;
        self.cut(signed(found.0), signed(found.1))
    }

    fn cut(&self, first_ns: i64, last_ns: i64) -> anyhow::Result<(i64, i64)> {
        let begin_ns = first_ns.saturating_add(self.start_offset.nanos());
        ensure!(
            begin_ns <= last_ns,
            "parameter `start_offset`: {} s is not within [0, {:.3}], the length of the bag",
            self.start_offset.as_s(),
            Span::from_nanos(last_ns.saturating_sub(first_ns)).as_s()
        );
        let end_ns = self.duration.map_or(last_ns, |d| begin_ns.saturating_add(d.nanos()).min(last_ns));
        Ok((begin_ns, end_ns))
    }

    /// # Errors
    /// Names a topic that the bag does not have.
    pub(super) fn check_topics(&self, bag: &BagReader) -> anyhow::Result<()> {
        for (parameter, names) in [("topics", &self.topics), ("exclude", &self.exclude)] {
            for name in names {
                ensure!(
                    bag.channels().iter().any(|c| &c.topic == name),
                    "parameter `{parameter}`: {} has no topic `{name}`; `outrider bag info` lists them",
                    self.bag.display()
                );
            }
        }
        Ok(())
    }

    pub(super) fn wants(&self, topic: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == topic);
        (self.topics.is_empty() || named(&self.topics)) && !named(&self.exclude)
    }
}

/// Later than 2262 is as good as never.
pub(super) fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

fn is_zero(number: f64) -> bool {
    number.abs() < f64::MIN_POSITIVE
}

fn limits(range: &RangeInclusive<f64>) -> String {
    format!("[{}, {}]", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Parameters {
        Parameters { bag: Some(PathBuf::from("b")), ..Parameters::default() }
    }

    #[test]
    fn unset_is_not_zero() {
        let unset = Settings::of(&given()).unwrap();
        assert!((unset.rate - 1.0).abs() < 1e-12 && unset.clock_period == Some(Span::from_millis(10)));
        assert_eq!((unset.duration, unset.full_speed_hz), (None, 2000));
        let zero = Parameters { rate: Some(0.0), clock_hz: Some(0.0), duration: Some(0.0), ..given() };
        let zero = Settings::of(&zero).unwrap();
        assert!(is_zero(zero.rate) && zero.clock_period.is_none());
        assert_eq!(zero.duration, Some(Span::ZERO));
    }

    #[test]
    fn a_bad_value_is_refused_with_its_name_and_limits() {
        let nan = f64::NAN;
        for (bad, words) in [
            (Parameters { bag: None, ..given() }, vec!["`bag`"]),
            (Parameters { rate: Some(-1.0), ..given() }, vec!["`rate`", "-1", "[0.01, 100]"]),
            (Parameters { rate: Some(nan), ..given() }, vec!["`rate`", "NaN"]),
            (Parameters { rate: Some(100.5), ..given() }, vec!["`rate`", "100.5"]),
            (Parameters { clock_hz: Some(1e6), ..given() }, vec!["`clock_hz`", "[0.1, 1000]"]),
            (Parameters { full_speed_hz: Some(0.0), ..given() }, vec!["`full_speed_hz`", "[1, 1000000]"]),
            (Parameters { start_offset: Some(-0.5), ..given() }, vec!["`start_offset`", "-0.5"]),
            (Parameters { duration: Some(nan), ..given() }, vec!["`duration`"]),
        ] {
            let said = Settings::of(&bad).unwrap_err().to_string();
            assert!(words.iter().all(|w| said.contains(w)), "{said}");
        }
    }

    #[test]
    fn offset_and_duration_cut_the_bag() {
        let mut settings = Settings::of(&given()).unwrap();
        assert_eq!(settings.cut(100, 900).unwrap(), (100, 900));
        settings.start_offset = Span::from_nanos(200);
        settings.duration = Some(Span::from_nanos(50));
        assert_eq!(settings.cut(100, 900).unwrap(), (300, 350));
        settings.duration = Some(Span::from_nanos(5000));
        assert_eq!(settings.cut(100, 900).unwrap(), (300, 900));
        settings.start_offset = Span::from_nanos(801);
        let said = settings.cut(100, 900).unwrap_err().to_string();
        assert!(said.contains("`start_offset`") && said.contains("[0, "), "{said}");
    }

    #[test]
    fn an_excluded_topic_is_out_even_if_it_was_chosen() {
        let settings = Settings {
            topics: vec!["/a".into(), "/b".into()],
            exclude: vec!["/b".into()],
            ..Settings::of(&given()).unwrap()
        };
        let wanted = ["/a", "/b", "/c"].map(|t| settings.wants(t));
        assert_eq!(wanted, [true, false, false]);
    }
}
