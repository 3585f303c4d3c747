//! Moments and topics as they are given on the command line.

use anyhow::{bail, ensure};

/// Seconds above this are since the epoch, below since the start of the bag: a recording is no three years long.
const EPOCH_FROM_S: u64 = 100_000_000;
/// Digits above this are nanoseconds since the epoch.
const NANOS_FROM: u64 = 100_000_000_000_000_000;

/// Log times from and to, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first, ns.
    pub from_ns: u64,
    /// The last, ns.
    pub to_ns: u64,
}

impl Stretch {
    /// Seconds since the start of the bag, seconds since the epoch, or nanoseconds since the epoch; the whole bag
    /// where nothing is given.
    ///
    /// # Errors
    /// When it is no time, the end lies before the start, or the stretch lies outside of the bag.
    pub fn new(from: Option<&str>, to: Option<&str>, bounds_ns: (u64, u64)) -> anyhow::Result<Self> {
        let (start_ns, end_ns) = bounds_ns;
        let from_ns = from.map_or(Ok(start_ns), |t| moment("--from", t, start_ns))?;
        let to_ns = to.map_or(Ok(end_ns), |t| moment("--to", t, start_ns))?;
        let (length_s, start_s) = ((end_ns - start_ns) as f64 / 1e9, start_ns as f64 / 1e9);
        ensure!(
            from_ns <= end_ns && to_ns >= start_ns,
            "nothing is recorded in that stretch: the bag is {length_s:.3} s long and starts {start_s:.3} s after the epoch"
        );
        ensure!(from_ns <= to_ns, "--to {} lies before --from {}", to.unwrap_or(""), from.unwrap_or(""));
        Ok(Self { from_ns, to_ns })
    }

    /// Whether a log time lies in it.
    pub fn has(self, at_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&at_ns)
    }
}

fn moment(key: &str, text: &str, start_ns: u64) -> anyhow::Result<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
        bail!(
            "{key}: `{text}` is no time: seconds since the start (12.5), or since the epoch (1700000012.5)"
        );
    }
    let Ok(whole) = whole.parse::<u64>() else { bail!("{key}: {text} is too large") };
    if whole >= NANOS_FROM && part.is_empty() {
        return Ok(whole);
    }
    let nanos: u64 = format!("{part:0<9}").parse()?;
    let Some(ns) = whole.checked_mul(1_000_000_000).and_then(|s| s.checked_add(nanos)) else {
        bail!("{key}: {text} is too large");
    };
    Ok(if whole >= EPOCH_FROM_S { ns } else { start_ns.saturating_add(ns) })
}

/// Whether a name fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(i, _)| i).chain([rest.len()]);
            starts.into_iter().any(|i| rest.get(i..).is_some_and(|rest| fits(tail, rest)))
        }),
    }
}

/// Refuses patterns that fit no topic.
///
/// # Errors
/// Names the pattern and what there is.
pub fn check_patterns<'a>(
    key: &str,
    patterns: &[String],
    topics: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Result<()> {
    for pattern in patterns {
        ensure!(pattern.matches('*').count() <= 4, "{key}: `{pattern}` has more than 4 stars");
        if !topics.clone().any(|t| fits(pattern, t)) {
            let mut there: Vec<&str> = topics.collect();
            there.sort_unstable();
            there.dedup();
            bail!("{key}: no topic fits `{pattern}`; the bag has {}", there.join(" "));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: (u64, u64) = (1_700_000_000_000_000_000, 1_700_000_040_000_000_000);

    fn ns(from: &str, to: &str) -> (u64, u64) {
        let s = Stretch::new(Some(from), Some(to), BOUNDS).unwrap();
        (s.from_ns - BOUNDS.0, s.to_ns - BOUNDS.0)
    }

    #[test]
    fn times_are_relative_or_absolute_to_the_nanosecond() {
        assert_eq!(ns("1.5", "2"), (1_500_000_000, 2_000_000_000));
        assert_eq!(ns("1700000001.000000007", "1700000040000000000"), (1_000_000_007, 40_000_000_000));
        let whole = Stretch::new(None, None, BOUNDS).unwrap();
        assert!(whole.has(BOUNDS.0) && whole.has(BOUNDS.1) && !whole.has(BOUNDS.1 + 1));
    }

    #[test]
    fn what_is_no_stretch_is_refused() {
        let refusal = |from, to| Stretch::new(Some(from), Some(to), BOUNDS).unwrap_err().to_string();
        assert!(refusal("-1", "2").contains("`-1` is no time"));
        assert!(refusal("1e3", "2").contains("no time"));
        assert!(refusal("3", "2").contains("lies before"));
        assert!(refusal("41", "50").contains("40.000 s long"));
        assert!(refusal("99999999999999999999999", "1").contains("too large"));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, yes) in [
            ("/a*", "/ab", true),
            ("*/info", "/gate/info", true),
            ("/a", "/ab", false),
            ("/*/j*l", "/x/journal", true),
        ] {
            assert_eq!(fits(pattern, name), yes, "{pattern} {name}");
        }
        let error =
            check_patterns("--topics", &["/nope".into()], ["/scan", "/odom"].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "--topics: no topic fits `/nope`; the bag has /odom /scan");
    }
}
