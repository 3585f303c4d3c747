//! The folder of a run, `runs/<UTC time>/`, and the link `runs/latest`.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};

/// Runs that begin within the same second get a number; so many are tried.
const SAME_SECOND_LIMIT: u32 = 100;

/// Where everything of a run is.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The folder, absolute.
    pub path: PathBuf,
    /// It, as it was asked for: shorter, for people.
    pub shown: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a run that begins at `unix_s`, with its `log/`, and points the link `latest` at it.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn create(runs: &Path, unix_s: i64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(runs).with_context(|| format!("making {}", runs.display()))?;
        let stem = utc_name(unix_s);
        for attempt in 1..=SAME_SECOND_LIMIT {
            let name = if attempt == 1 { stem.clone() } else { format!("{stem}-{attempt}") };
            let shown = runs.join(&name);
            match std::fs::create_dir(&shown) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error).with_context(|| format!("making {}", shown.display())),
            }
            std::fs::create_dir(shown.join("log"))
                .with_context(|| format!("making {}", shown.join("log").display()))?;
            point_latest(runs, &name)?;
            let path = shown.canonicalize().with_context(|| format!("looking for {}", shown.display()))?;
            return Ok(Self { path, shown });
        }
        bail!("{} has {SAME_SECOND_LIMIT} runs of {stem} already", runs.display())
    }
}

/// Replaces the link in one step, so that it never points nowhere.
fn point_latest(runs: &Path, name: &str) -> anyhow::Result<()> {
    let (link, new) = (runs.join("latest"), runs.join(format!(".latest-{}", std::process::id())));
    let _ = std::fs::remove_file(&new);
    std::os::unix::fs::symlink(name, &new)
        .and_then(|()| std::fs::rename(&new, &link))
        .with_context(|| format!("pointing {} at {name}", link.display()))
}

/// `2026-01-31T23-59-59Z`: sorts by time, and no colon, which some file systems refuse.
fn utc_name(unix_s: i64) -> String {
    let (days, second) = (unix_s.div_euclid(86_400), unix_s.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}-{m:02}-{s:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar: counts from March, in
/// 400-year eras of 146097 days, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march_0000 = days + 719_468;
    let (era, day_of_era) = (from_march_0000.div_euclid(146_097), from_march_0000.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_time_in_utc() {
        assert_eq!(utc_name(0), "1970-01-01T00-00-00Z");
        assert_eq!(utc_name(951_782_400), "2000-02-29T00-00-00Z");
        assert_eq!(utc_name(1_709_251_199), "2024-02-29T23-59-59Z");
        assert_eq!(utc_name(1_735_689_600), "2025-01-01T00-00-00Z");
        assert_eq!(utc_name(-1), "1969-12-31T23-59-59Z");
    }

    #[test]
    fn runs_of_one_second_do_not_share_a_folder_and_latest_is_the_last() {
        let runs = std::env::temp_dir().join(format!("outrider-folder-test-{}", std::process::id()));
        let first = RunFolder::create(&runs, 5).unwrap();
        let second = RunFolder::create(&runs, 5).unwrap();
        assert_ne!(first.path, second.path);
        assert_eq!(runs.join("latest").canonicalize().unwrap(), second.path);
        assert!(second.path.join("log").is_dir());
        std::fs::remove_dir_all(&runs).unwrap();
    }
}
