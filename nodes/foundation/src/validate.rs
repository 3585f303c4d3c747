//! Checks of configurations: ranges as garde takes them, and what belongs to a key.

/// A closed range that, unlike garde's own, refuses NaN; the error names the value and the range.
pub fn within(min: f64, max: f64) -> impl FnOnce(&f64, &()) -> garde::Result {
    move |value, ()| {
        if *value >= min && *value <= max {
            Ok(())
        } else {
            Err(garde::Error::new(format!("{value} is not within [{min}, {max}]")))
        }
    }
}

/// The same for a number that may be left out.
pub fn maybe_within(min: f64, max: f64) -> impl FnOnce(&Option<f64>, &()) -> garde::Result {
    move |value, context| value.as_ref().map_or(Ok(()), |value| within(min, max)(value, context))
}

/// The same for a whole number.
pub fn count_within(min: usize, max: usize) -> impl FnOnce(&usize, &()) -> garde::Result {
    move |value, ()| {
        if (min..=max).contains(value) {
            Ok(())
        } else {
            Err(garde::Error::new(format!("{value} is not within [{min}, {max}]")))
        }
    }
}

/// Whether the dotted `key` is `root` or something in it.
pub fn key_within(key: &str, root: &str) -> bool {
    key.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_within_itself_and_what_holds_it() {
        assert!(key_within("lidar.beams", "lidar") && key_within("lidar", "lidar"));
        assert!(!key_within("lidar", "lidar.beams") && !key_within("lidars.beams", "lidar"));
    }

    #[test]
    fn the_ends_belong_to_the_range_and_nan_does_not() {
        assert!(within(0.0, 1.0)(&0.0, &()).is_ok() && within(0.0, 1.0)(&1.0, &()).is_ok());
        for bad in [-1e-9, 1.0 + 1e-9, f64::INFINITY, f64::NAN] {
            assert!(within(0.0, 1.0)(&bad, &()).is_err(), "{bad}");
        }
        assert_eq!(within(0.0, 1.0)(&f64::NAN, &()).unwrap_err().to_string(), "NaN is not within [0, 1]");
    }
}
