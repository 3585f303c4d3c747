//! Parameters of a scenario, and the cases that a sweep makes of them.

use outrider_foundation::rng::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The most cases of one scenario.
pub const CASE_LIMIT: usize = 10_000;
/// The most values of one parameter.
const VALUE_LIMIT: usize = 1_000;
/// Stream of the choices of `sampled`, beside those of the distributions.
const SAMPLED: u32 = 0x5361_6d70;
/// Drawn numbers have so many steps in a unit, so that their text is short and says all.
const STEPS_PER_UNIT: f64 = 1e6;
/// Numbers that are drawn or spaced go no farther than this, so that these steps are exact.
const FAR: f64 = 1e9;
/// Whole numbers beyond have no exact place among numbers.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A value that stands in the place of `$name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Number(v) => write!(f, "{v}"),
            Self::Text(v) => write!(f, "{v}"),
        }
    }
}

impl Scalar {
    /// Whether a file that has one of them in it says the same as with the other: they are put in as text.
    fn reads_as(&self, other: &Self) -> bool {
        let (a, b) = (self.to_string(), other.to_string());
        let numbers = || a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
        a == b || numbers().is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
    }
}

/// By name.
pub type Values = BTreeMap<String, Scalar>;

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Parameter {
    /// One of these; by default the first.
    Choices(#[schemars(length(min = 1, max = VALUE_LIMIT))] Vec<Scalar>),
    /// So many evenly spaced numbers, both ends among them, or, with `sweep: sampled`, any between them; by default the first.
    Range {
        /// The first.
        from: f64,
        /// The last.
        to: f64,
        /// How many.
        #[schemars(range(min = 1, max = VALUE_LIMIT))]
        steps: usize,
    },
    /// Drawn evenly for every run; by default the middle.
    Uniform {
        /// No less.
        low: f64,
        /// Less than this.
        high: f64,
    },
    /// Drawn from a normal distribution for every run; by default the mean, or the end that is nearest to it.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        sigma: f64,
        /// Drawn numbers are cut off here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        low: Option<f64>,
        /// And here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        high: Option<f64>,
    },
}

impl Parameter {
    /// What is wrong with it.
    pub fn problem(&self) -> Option<String> {
        let far = |keys: &[(&str, f64)]| {
            let far = keys.iter().find(|(_, v)| !(-FAR..=FAR).contains(v));
            far.map(|(key, v)| format!("{key}: {v} is not within [-{FAR}, {FAR}]"))
        };
        match self {
            Self::Choices(all) if all.is_empty() || all.len() > VALUE_LIMIT => {
                Some(format!("{} choices, allowed are 1 to {VALUE_LIMIT}", all.len()))
            }
            Self::Choices(all) => all.iter().enumerate().find_map(|(i, v)| match v {
                _ if all.iter().take(i).any(|other| other.reads_as(v)) => {
                    Some(format!("{v} stands there twice"))
                }
                Scalar::Text(t) if t.contains(['\n', '$']) || t.contains(" #") => {
                    Some(format!("{t:?}: a word has no line breaks, no `$` and no ` #`"))
                }
                Scalar::Number(v) if !v.is_finite() => Some(format!("{v} is not finite")),
                Scalar::Number(v) if v.abs() > WHOLE => Some(format!("{v} is beyond {WHOLE}: not exact")),
                _ => None,
            }),
            Self::Range { steps, .. } if !(1..=VALUE_LIMIT).contains(steps) => {
                Some(format!("steps: {steps} is not within [1, {VALUE_LIMIT}]"))
            }
            Self::Range { from, to, .. } => far(&[("from", *from), ("to", *to)]).or_else(|| {
                let grid = self.grid();
                let twice = grid.array_windows().find(|[a, b]| a == b).map(|[a, _]| a.clone());
                twice.map(|value| format!("{value} is there twice: steps are of 1e-6 and more"))
            }),
            Self::Uniform { low, high } => far(&[("low", *low), ("high", *high)]).or_else(|| {
                // So many that the ends do not matter.
                (high - low < 10.0 / STEPS_PER_UNIT)
                    .then(|| format!("low: {low} is not below high, {high}, by 1e-5 or more"))
            }),
            Self::Normal { mean, sigma, low, high } => {
                let (least, most) = (low.unwrap_or(-FAR), high.unwrap_or(FAR));
                let keys = [("mean", *mean), ("sigma", *sigma), ("low", least), ("high", most)];
                far(&keys).or_else(|| {
                    if *sigma <= 0.0 {
                        return Some(format!("sigma: {sigma} is not a positive number"));
                    }
                    (least >= most).then(|| format!("low: {least} is not below high, {most}"))
                })
            }
        }
    }

    /// The value where none is chosen.
    pub fn default_value(&self) -> Scalar {
        match self {
            Self::Choices(all) => all.first().cloned().unwrap_or(Scalar::Bool(false)),
            Self::Range { from, .. } => Scalar::Number(*from),
            Self::Uniform { low, high } => Scalar::Number(rounded(0.5 * (low + high))),
            Self::Normal { mean, low, high, .. } => {
                Scalar::Number(mean.clamp(low.unwrap_or(-FAR), high.unwrap_or(FAR)))
            }
        }
    }

    /// The values that a sweep goes through; none for a distribution.
    fn grid(&self) -> Vec<Scalar> {
        match self {
            Self::Choices(all) => all.clone(),
            Self::Range { from, to, steps } => {
                let last = steps.saturating_sub(1).max(1) as f64;
                let at = |i: usize| from + (to - from) * i as f64 / last;
                (0..*steps).map(|i| Scalar::Number(rounded(at(i)))).collect()
            }
            Self::Uniform { .. } | Self::Normal { .. } => Vec::new(),
        }
    }

    fn draw(&self, rng: &mut Rng) -> Scalar {
        match self {
            Self::Choices(all) => {
                let index = (rng.uniform() * all.len() as f64) as usize;
                all.get(index).cloned().unwrap_or_else(|| self.default_value())
            }
            Self::Range { from, to, .. } => {
                let drawn = rounded(from + (to - from) * rng.uniform());
                Scalar::Number(drawn.clamp(from.min(*to), from.max(*to)))
            }
            Self::Uniform { low, high } => {
                let drawn = rounded(low + (high - low) * rng.uniform());
                // What is rounded out of it is put back.
                let last = rounded(high - 1.0 / STEPS_PER_UNIT);
                Scalar::Number(drawn.clamp(*low, last.max(*low)))
            }
            Self::Normal { mean, sigma, low, high } => {
                let drawn = mean + sigma * rng.normal();
                Scalar::Number(rounded(drawn).clamp(low.unwrap_or(-FAR), high.unwrap_or(FAR)))
            }
        }
    }
}

fn rounded(value: f64) -> f64 {
    let steps = (value * STEPS_PER_UNIT).round();
    // A zero has one sign only, or one case would have two texts.
    if steps.abs() < 0.5 { 0.0 } else { steps / STEPS_PER_UNIT }
}

/// How the values of several parameters are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// Every combination.
    #[default]
    Full,
    /// So that every two values of two parameters come together once at least.
    Pairwise,
    /// So many drawn combinations: `samples`.
    Sampled,
}

/// One run of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Values of its parameters.
    pub parameters: Values,
    /// Seed of everything random.
    pub seed: u64,
}

/// What is run of a scenario: combinations times seeds, in fixed order.
///
/// # Errors
/// When there are too many.
pub fn cases(
    parameters: &BTreeMap<String, Parameter>,
    sweep: Sweep,
    samples: usize,
    seeds: &[u64],
) -> Result<Vec<Case>, String> {
    let grids: Vec<(&String, Vec<Scalar>)> =
        parameters.iter().map(|(name, p)| (name, p.grid())).filter(|(_, grid)| !grid.is_empty()).collect();
    let sizes: Vec<usize> = grids.iter().map(|(_, grid)| grid.len()).collect();
    let combinations = match sweep {
        Sweep::Full => full(&sizes)?,
        Sweep::Pairwise => pairwise(&sizes)?,
        Sweep::Sampled => vec![Vec::new(); samples],
    };
    let count = combinations.len().saturating_mul(seeds.len());
    if count > CASE_LIMIT {
        return Err(format!("{count} cases, the limit is {CASE_LIMIT}"));
    }
    let mut cases = Vec::with_capacity(count);
    for (index, combination) in (0u64..).zip(&combinations) {
        let mut chosen = Values::new();
        for ((name, grid), place) in grids.iter().zip(combination) {
            chosen.extend(grid.get(*place).map(|value| ((*name).clone(), value.clone())));
        }
        for seed in seeds {
            let mut case = Case { parameters: chosen.clone(), seed: *seed };
            for (name, parameter) in parameters.iter().filter(|(name, _)| !chosen.contains_key(*name)) {
                let of_grid = grids.iter().any(|(other, _)| *other == name);
                // Which combination is drawn does not depend on the seed: the same is tried with each.
                let key = if of_grid { u64::from(SAMPLED) } else { *seed };
                let value = parameter.draw(&mut Rng::new(key, stream(name), index));
                case.parameters.insert(name.clone(), value);
            }
            cases.push(case);
        }
    }
    if sweep == Sweep::Sampled {
        // The same drawn twice is one run.
        let mut texts = std::collections::BTreeSet::new();
        cases.retain(|case| texts.insert(serde_json::to_string(case).unwrap_or_default()));
    }
    Ok(cases)
}

/// FNV-1a: a stream for every name.
fn stream(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn full(sizes: &[usize]) -> Result<Vec<Vec<usize>>, String> {
    let count = sizes.iter().fold(1usize, |product, size| product.saturating_mul(*size));
    if count > CASE_LIMIT {
        return Err(format!("{count} combinations, the limit is {CASE_LIMIT}: try `sweep: pairwise`"));
    }
    let mut all = vec![Vec::new()];
    for size in sizes {
        all = all
            .into_iter()
            .flat_map(|begun: Vec<usize>| (0..*size).map(move |i| [begun.as_slice(), &[i]].concat()))
            .collect();
    }
    Ok(all)
}

/// Two parameters with one value of each.
type Pair = ((usize, usize), (usize, usize));

/// Greedy: each combination begins with the first pair that is missing, and takes for every other parameter the value that
/// adds most; the first of equals.
fn pairwise(sizes: &[usize]) -> Result<Vec<Vec<usize>>, String> {
    if sizes.len() < 2 {
        return full(sizes);
    }
    let mut missing: std::collections::BTreeSet<Pair> = std::collections::BTreeSet::new();
    for (a, size_a) in sizes.iter().enumerate() {
        for (b, size_b) in sizes.iter().enumerate().skip(a + 1) {
            let all = (0..*size_a).flat_map(|i| (0..*size_b).map(move |j| ((a, i), (b, j))));
            missing.extend(all);
            if missing.len() > CASE_LIMIT * sizes.len() {
                return Err(format!("more than {} pairs of values", CASE_LIMIT * sizes.len()));
            }
        }
    }
    let pair =
        |one: (usize, usize), other: (usize, usize)| if one < other { (one, other) } else { (other, one) };
    let mut rows = Vec::new();
    while let Some((one, other)) = missing.first().copied() {
        let mut chosen: Vec<(usize, usize)> = vec![one, other];
        for (place, size) in sizes.iter().enumerate().filter(|(p, _)| *p != one.0 && *p != other.0) {
            let gain = |value: usize| {
                chosen.iter().filter(|other| missing.contains(&pair((place, value), **other))).count()
            };
            let best = (0..*size).rev().max_by_key(|value| gain(*value)).unwrap_or(0);
            chosen.push((place, best));
        }
        for (i, a) in chosen.iter().enumerate() {
            for b in chosen.iter().skip(i + 1) {
                missing.remove(&pair(*a, *b));
            }
        }
        chosen.sort_unstable();
        rows.push(chosen.into_iter().map(|(_, value)| value).collect());
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(v: f64) -> Scalar {
        Scalar::Number(v)
    }

    #[test]
    fn a_full_sweep_has_every_combination_once() {
        let of = |count: usize| Parameter::Choices((0..count).map(|i| number(i as f64)).collect());
        let parameters = BTreeMap::from([
            ("a".to_owned(), of(3)),
            ("b".to_owned(), Parameter::Range { from: 0.0, to: 1.0, steps: 5 }),
        ]);
        let all = cases(&parameters, Sweep::Full, 0, &[1, 2]).unwrap();
        assert_eq!(all.len(), 30);
        let b: std::collections::BTreeSet<String> =
            all.iter().map(|c| c.parameters["b"].to_string()).collect();
        assert_eq!(b.into_iter().collect::<Vec<_>>(), ["0", "0.25", "0.5", "0.75", "1"]);
        for case in &all {
            assert_eq!(all.iter().filter(|other| *other == case).count(), 1);
        }
        let huge = BTreeMap::from([("a".to_owned(), of(1000)), ("b".to_owned(), of(1000))]);
        assert_eq!(
            cases(&huge, Sweep::Full, 0, &[1]).unwrap_err(),
            "1000000 combinations, the limit is 10000: try `sweep: pairwise`"
        );
    }

    #[test]
    fn values_are_exact_and_each_is_there_once() {
        let of = |values: &[f64]| Parameter::Choices(values.iter().copied().map(number).collect());
        let range = |from, to, steps| Parameter::Range { from, to, steps };
        let normal =
            |mean, low, high| Parameter::Normal { mean, sigma: 0.3, low: Some(low), high: Some(high) };
        for (parameter, why) in [
            (of(&[1.0, 2.0, 1.0]), "1 stands there twice"),
            (of(&[1e16]), "10000000000000000 is beyond 9007199254740992: not exact"),
            (range(1.0, 1.0, 3), "1 is there twice: steps are of 1e-6 and more"),
            (range(0.0, 1e-6, 5), "0 is there twice: steps are of 1e-6 and more"),
            (range(-1e308, 1e308, 3), "is not within [-1000000000, 1000000000]"),
            (Parameter::Uniform { low: 1e-7, high: 4e-7 }, "by 1e-5 or more"),
            (Parameter::Uniform { low: f64::NAN, high: 1.0 }, "low: NaN is not within"),
            (normal(1e303, 0.0, 1.0), "mean: "),
        ] {
            let problem = parameter.problem().unwrap_or_default();
            assert!(problem.contains(why), "{parameter:?}: {problem}");
        }
        for sound in [of(&[1.0, 2.0]), range(2.0, 2.0, 1), range(1.0, 0.0, 3), normal(0.0, 0.1, 0.5)] {
            assert_eq!(sound.problem(), None, "{sound:?}");
        }
        assert_eq!(normal(0.0, 0.1, 0.5).default_value(), number(0.1), "what can be drawn");
        // No draw is rounded out of its range.
        let narrow = Parameter::Uniform { low: 1e-7, high: 2e-5 };
        for i in 0..1000 {
            let Scalar::Number(drawn) = narrow.draw(&mut Rng::new(1, 2, i)) else { panic!("no number") };
            assert!((1e-7..2e-5).contains(&drawn), "{drawn}");
        }
        let narrow = Parameter::Normal { mean: 0.0, sigma: 1.0, low: Some(1.4e-6), high: Some(2.6e-6) };
        let Scalar::Number(drawn) = narrow.draw(&mut Rng::new(1, 2, 0)) else { panic!("no number") };
        assert!((1.4e-6..=2.6e-6).contains(&drawn), "{drawn}");
        let two = BTreeMap::from([("a".to_owned(), of(&[1.0, 2.0]))]);
        let texts = |seeds: &[u64]| cases(&two, Sweep::Sampled, 20, seeds).unwrap().len();
        assert_eq!((texts(&[1]), texts(&[1, 2])), (2, 4), "what is drawn twice is one run");
    }

    #[test]
    fn pairwise_has_every_pair_with_few_combinations() {
        for sizes in [vec![3, 3, 3, 3], vec![2, 5, 4], vec![10, 2, 2, 2, 2, 2, 2], vec![7], vec![2, 2]] {
            let rows = pairwise(&sizes).unwrap();
            for a in 0..sizes.len() {
                for b in a + 1..sizes.len() {
                    for (i, j) in (0..sizes[a]).flat_map(|i| (0..sizes[b]).map(move |j| (i, j))) {
                        assert!(rows.iter().any(|r| r[a] == i && r[b] == j), "{sizes:?}: {a}={i}, {b}={j}");
                    }
                }
            }
            let mut two = sizes.clone();
            two.sort_unstable_by(|x, y| y.cmp(x));
            let least: usize = two.iter().take(2).product();
            assert!(rows.len() >= least && rows.len() <= 2 * least, "{sizes:?}: {} rows", rows.len());
        }
        // The best there is, an orthogonal array, has nine.
        assert!(pairwise(&[3, 3, 3, 3]).unwrap().len() <= 12);
    }

    #[test]
    fn drawn_values_depend_on_name_seed_and_combination_alone() {
        let uniform = Parameter::Uniform { low: 1.0, high: 2.0 };
        let normal = Parameter::Normal { mean: 0.0, sigma: 1.0, low: Some(-0.5), high: None };
        let with = |names: &[&str], seeds: &[u64]| {
            let make = |n: &&str| ((*n).to_owned(), if *n == "n" { normal.clone() } else { uniform.clone() });
            cases(&names.iter().map(make).collect(), Sweep::Full, 0, seeds).unwrap()
        };
        let both = with(&["n", "u"], &[1, 2, 3]);
        let alone = with(&["u"], &[3]);
        assert_eq!(both[2].parameters["u"], alone[0].parameters["u"]);
        assert_ne!(both[0].parameters["u"], both[1].parameters["u"]);
        let many = with(&["n", "u"], &(0..500).collect::<Vec<_>>());
        let values = |name: &str| -> Vec<f64> {
            many.iter()
                .map(|c| if let Scalar::Number(v) = c.parameters[name] { v } else { f64::NAN })
                .collect()
        };
        assert!(values("u").iter().all(|v| (1.0..2.0).contains(v)));
        assert!(values("n").iter().all(|v| *v >= -0.5) && values("n").iter().any(|v| *v > 1.0));
        let mean = values("u").iter().sum::<f64>() / 500.0;
        assert!((mean - 1.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn sampled_combinations_are_the_same_for_every_seed() {
        let parameters = BTreeMap::from([
            ("word".to_owned(), Parameter::Choices(["a", "b", "c"].map(|t| Scalar::Text(t.into())).to_vec())),
            ("range".to_owned(), Parameter::Range { from: 0.0, to: 9.0, steps: 2 }),
        ]);
        let all = cases(&parameters, Sweep::Sampled, 20, &[7, 8]).unwrap();
        assert_eq!(all.len(), 40);
        assert!(
            all.chunks(2)
                .all(|pair| pair[0].parameters == pair[1].parameters && pair[0].seed != pair[1].seed)
        );
        let words: std::collections::BTreeSet<String> =
            all.iter().map(|c| c.parameters["word"].to_string()).collect();
        assert_eq!(words.len(), 3);
    }

    #[test]
    fn parameters_that_cannot_be_are_told() {
        for (bad, word) in [
            (Parameter::Choices(vec![]), "0 choices"),
            (Parameter::Choices(vec![Scalar::Text("a\nb".into())]), "no line breaks"),
            (Parameter::Choices(vec![Scalar::Text("1 #2".into())]), "no ` #`"),
            (Parameter::Choices(vec![number(1.0), Scalar::Text("1.0".into())]), "1.0 stands there twice"),
            (Parameter::Choices(vec![Scalar::Text("yes".into()), Scalar::Text("yes".into())]), "twice"),
            (Parameter::Range { from: 0.0, to: 1.0, steps: 0 }, "steps: 0"),
            (Parameter::Uniform { low: 1.0, high: 1.0 }, "low: 1 is not below high, 1"),
            (Parameter::Normal { mean: 0.0, sigma: 0.0, low: None, high: None }, "sigma: 0"),
            (Parameter::Normal { mean: 0.0, sigma: 1.0, low: Some(2.0), high: Some(1.0) }, "low: 2"),
        ] {
            let problem = bad.problem().unwrap_or_default();
            assert!(problem.contains(word), "{bad:?}: {problem}");
        }
        assert_eq!(Parameter::Range { from: 0.5, to: 1.0, steps: 1 }.problem(), None);
    }
}
