//! Learned models that have been heard of: what each version states, what that is worth, and how it has done.

use super::config::CalibrationConfig;
use super::reliability::{Innovations, Reliability};
use outrider_foundation::data::{Detection, DetectionSet};
use std::sync::Arc;

/// Classes beyond this many are not looked at.
pub(crate) const CLASS_LIMIT: usize = 32;
/// Versions that are remembered; of more, the one not heard of for longest is forgotten, with its statistics.
const MODEL_LIMIT: usize = 8;
/// Name of the probability that something is there at all.
const EXISTENCE: &str = "existence";
/// Stated probabilities are kept this far from zero and one before anything is made of them.
const CERTAIN: f64 = 1e-4;

/// A version of a model, shared by the tracks that it has seen.
#[derive(Debug, PartialEq)]
pub(crate) struct Model {
    pub id: String,
    pub version: String,
    pub labels: Vec<String>,
}

impl Model {
    /// Whether it is a version of the same model.
    pub fn is_of(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn made(&self, set: &DetectionSet) -> bool {
        self.id == set.model_id
            && self.version == set.model_version
            && self.labels.iter().eq(set.class_labels.iter().take(CLASS_LIMIT))
    }
}

/// Probability by class, in the order of the model's labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Classes {
    probabilities: [f64; CLASS_LIMIT],
    count: usize,
}

impl Classes {
    /// Nothing is known.
    pub fn even(count: usize) -> Self {
        let count = count.min(CLASS_LIMIT);
        Self { probabilities: [1.0 / count.max(1) as f64; CLASS_LIMIT], count }
    }

    /// Index and probability of the likeliest; the first of equals.
    pub fn likeliest(&self) -> Option<(usize, f64)> {
        let all = self.probabilities.iter().take(self.count).copied().enumerate();
        all.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The same belief in the labels of another model. What was believed of labels that it does not have goes to those that only
    /// it has, in equal shares.
    pub fn told_by(&self, from: &Model, to: &Model) -> Self {
        if from.labels == to.labels {
            return *self;
        }
        let mut told = Self::even(to.labels.len());
        let labels = || to.labels.iter().take(told.count);
        let held = |label: &String| {
            let at = from.labels.iter().position(|known| known == label)?;
            self.probabilities.iter().take(self.count).nth(at).copied()
        };
        let known: f64 = labels().filter_map(held).sum();
        let new = labels().filter(|label| held(label).is_none()).count();
        if known <= 0.0 {
            return told;
        }
        let each = (1.0 - known).max(0.0) / new.max(1) as f64;
        let sum = known + each * new as f64;
        for (into, label) in told.probabilities.iter_mut().zip(&to.labels) {
            *into = held(label).unwrap_or(each) / sum;
        }
        told
    }

    /// Goes a share of the way to another belief.
    pub fn approach(&mut self, other: &Self, gain: f64) {
        for (held, p) in self.probabilities.iter_mut().zip(&other.probabilities).take(self.count) {
            *held += gain * (p - *held);
        }
    }
}

/// How stated probabilities become true ones.
#[derive(Clone, Debug, PartialEq)]
enum Calibration {
    AsStated,
    Temperature(f64),
    Isotonic(Vec<[f64; 2]>),
}

impl Calibration {
    fn of(configs: &[CalibrationConfig], model: &Model, class: &str) -> Self {
        let names = |c: &&CalibrationConfig| {
            c.model_id == model.id && c.model_version == model.version && c.class == class
        };
        match configs.iter().find(names) {
            None => Self::AsStated,
            Some(c) => c.temperature.map_or_else(|| Self::Isotonic(c.isotonic.clone()), Self::Temperature),
        }
    }

    fn apply(&self, p: f64) -> f64 {
        match self {
            Self::AsStated => p,
            Self::Temperature(t) => {
                let p = p.clamp(CERTAIN, 1.0 - CERTAIN);
                1.0 / (1.0 + libm::exp(-libm::log(p / (1.0 - p)) / t))
            }
            Self::Isotonic(points) => interpolated(points, p),
        }
    }
}

/// On a rising line; level before its first and after its last point.
fn interpolated(points: &[[f64; 2]], p: f64) -> f64 {
    let next = points.partition_point(|[stated, _]| *stated <= p);
    match (next.checked_sub(1).and_then(|i| points.get(i)), points.get(next)) {
        (Some([a, from]), Some([b, to])) => from + (to - from) * (p - a) / (b - a),
        (Some([_, value]), None) | (None, Some([_, value])) => *value,
        (None, None) => p,
    }
}

/// One version with its record.
#[derive(Clone, Debug)]
struct Known {
    model: Arc<Model>,
    calibration: Vec<Calibration>,
    existence_calibration: Calibration,
    existence: Reliability,
    classes: Vec<Reliability>,
    innovations: Innovations,
}

/// All versions.
#[derive(Clone, Debug)]
pub(crate) struct Models {
    configs: Vec<CalibrationConfig>,
    /// The last heard of at the end.
    known: Vec<Known>,
}

impl Models {
    /// None heard of yet.
    pub fn new(configs: Vec<CalibrationConfig>) -> Self {
        Self { configs, known: Vec::with_capacity(MODEL_LIMIT) }
    }

    /// The model that made a set; from now on the current one.
    pub fn hear(&mut self, set: &DetectionSet) -> Arc<Model> {
        if let Some(last) = self.known.last().filter(|k| k.model.made(set)) {
            return Arc::clone(&last.model);
        }
        let known = match self.known.iter().position(|k| k.model.made(set)) {
            Some(i) => self.known.remove(i),
            None => self.known_of(set),
        };
        if self.known.len() >= MODEL_LIMIT {
            self.known.remove(0);
        }
        let model = Arc::clone(&known.model);
        self.known.push(known);
        model
    }

    fn known_of(&self, set: &DetectionSet) -> Known {
        let model = Model {
            id: set.model_id.clone(),
            version: set.model_version.clone(),
            labels: set.class_labels.iter().take(CLASS_LIMIT).cloned().collect(),
        };
        let of = |class: &str| Calibration::of(&self.configs, &model, class);
        Known {
            calibration: model.labels.iter().map(|label| of(label)).collect(),
            existence_calibration: of(EXISTENCE),
            existence: Reliability::default(),
            classes: vec![Reliability::default(); model.labels.len()],
            innovations: Innovations::default(),
            model: Arc::new(model),
        }
    }

    /// Calibrated probability that a detection of the current model is one of something.
    pub fn existence(&self, detection: &Detection) -> f64 {
        let stated = detection.existence;
        self.known.last().map_or(stated, |k| k.existence_calibration.apply(stated)).clamp(0.0, 1.0)
    }

    /// Calibrated class probabilities of a detection of the current model; `None` when it states none, or none of use.
    pub fn classes(&self, set: &DetectionSet, detection: &Detection) -> Option<Classes> {
        let known = self.known.last()?;
        let stated = &detection.class_probabilities;
        if stated.len() != set.class_labels.len() {
            return None;
        }
        let mut classes = Classes::even(known.model.labels.len());
        let mut sum = 0.0;
        let pairs = classes.probabilities.iter_mut().zip(stated).zip(&known.calibration);
        for ((into, p), calibration) in pairs {
            let p = if p.is_finite() { f64::from(*p).clamp(0.0, 1.0) } else { 0.0 };
            *into = calibration.apply(p);
            sum += *into;
        }
        if sum.is_nan() || sum <= 0.0 {
            return None;
        }
        classes.probabilities.iter_mut().take(classes.count).for_each(|p| *p /= sum);
        Some(classes)
    }

    /// What came of a detection that began a track: it was confirmed, or it was not.
    pub fn existence_outcome(&mut self, model: &Arc<Model>, stated: f64, confirmed: bool) {
        if let Some(known) = self.record(model) {
            known.existence.push(stated, confirmed);
        }
    }

    /// What a detection's likeliest class was worth, as far as the track as a whole can tell.
    pub fn class_outcome(&mut self, model: &Arc<Model>, class: usize, stated: f64, agreed: bool) {
        if let Some(of_class) = self.record(model).and_then(|k| k.classes.get_mut(class)) {
            of_class.push(stated, agreed);
        }
    }

    /// A normalised innovation squared of a confirmed track.
    pub fn innovation(&mut self, model: &Arc<Model>, distance_sq: f64) {
        if let Some(known) = self.record(model) {
            known.innovations.push(distance_sq);
        }
    }

    fn record(&mut self, model: &Arc<Model>) -> Option<&mut Known> {
        self.known.iter_mut().rev().find(|k| Arc::ptr_eq(&k.model, model))
    }

    /// For `/diagnostics`: innovations and reliability of the current model.
    pub fn diagnostics(&self) -> [(&'static str, String); 2] {
        let Some(known) = self.known.last() else {
            return [("tracks_innovations", "none".into()), ("tracks_reliability", "none".into())];
        };
        let name = format!("{} {}", known.model.id, known.model.version);
        let n = &known.innovations;
        let innovations = match (n.mean(), n.share_beyond()) {
            (Some(mean), Some(beyond)) => format!(
                "{name}: mean {mean:.2} of the last {}, expected 2; {:.1} % beyond 5.99, expected 5 %",
                n.count(),
                100.0 * beyond
            ),
            _ => format!("{name}: none"),
        };
        let named = std::iter::once((EXISTENCE, &known.existence))
            .chain(known.model.labels.iter().map(String::as_str).zip(&known.classes));
        let scores: Vec<String> = named
            .filter_map(|(class, r)| {
                let (ece, brier) = (r.ece()?, r.brier()?);
                Some(format!("{class} ECE {ece:.3}, Brier {brier:.3} of {:.0}", r.count()))
            })
            .collect();
        [
            ("tracks_innovations", innovations),
            ("tracks_reliability", format!("{name}: {}", scores.join("; "))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(class: &str, temperature: Option<f64>, isotonic: &[[f64; 2]]) -> CalibrationConfig {
        CalibrationConfig {
            model_id: "net".into(),
            model_version: "3".into(),
            class: class.into(),
            temperature,
            isotonic: isotonic.to_vec(),
        }
    }

    fn set(version: &str) -> DetectionSet {
        DetectionSet {
            model_id: "net".into(),
            model_version: version.into(),
            class_labels: vec!["cart".into(), "person".into()],
            ..DetectionSet::default()
        }
    }

    fn detection() -> Detection {
        Detection { existence: 0.9, class_probabilities: vec![0.2, 0.8], ..Detection::default() }
    }

    #[test]
    fn a_calibration_holds_for_its_version_alone() {
        let configs = vec![
            config("person", Some(2.0), &[]),
            config("existence", None, &[[0.0, 0.0], [0.8, 0.5], [1.0, 0.9]]),
        ];
        let mut models = Models::new(configs);
        models.hear(&set("3"));
        assert!((models.existence(&detection()) - 0.7).abs() < 1e-12);
        // Log-odds of 0.8 halved: 2/3; then both are brought to one.
        let (class, p) = models.classes(&set("3"), &detection()).unwrap().likeliest().unwrap();
        assert_eq!(class, 1);
        assert!((p - (2.0 / 3.0) / (2.0 / 3.0 + 0.2)).abs() < 1e-6);
        models.hear(&set("4"));
        assert!((models.existence(&detection()) - 0.9).abs() < 1e-12);
        assert!((models.classes(&set("4"), &detection()).unwrap().likeliest().unwrap().1 - 0.8).abs() < 1e-6);
    }

    #[test]
    fn versions_are_remembered_up_to_a_limit() {
        let mut models = Models::new(vec![]);
        let first = models.hear(&set("3"));
        models.existence_outcome(&first, 0.9, true);
        models.hear(&set("4"));
        assert!(Arc::ptr_eq(&models.hear(&set("3")), &first), "its record is kept");
        assert!(models.diagnostics()[1].1.contains("existence ECE 0.100, Brier 0.010 of 1"));
        (0..20).for_each(|i| drop(models.hear(&set(&format!("v{i}")))));
        assert_eq!(models.known.len(), MODEL_LIMIT);
        assert!(!Arc::ptr_eq(&models.hear(&set("3")), &first));
        models.innovation(&first, 1.0);
    }

    #[test]
    fn a_belief_is_carried_over_to_another_model_by_the_names_of_its_classes() {
        let model = |labels: &[&str]| Model {
            id: labels.join("+"),
            version: String::new(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        let from = model(&["cart", "person", "dog"]);
        let mut belief = Classes::even(3);
        belief.probabilities[..3].copy_from_slice(&[0.1, 0.7, 0.2]);
        let told = |labels: &[&str]| {
            let told = belief.told_by(&from, &model(labels));
            assert_eq!(told.count, labels.len());
            told.probabilities[..told.count].to_vec()
        };
        let near = |a: Vec<f64>, b: &[f64]| {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12) && a.len() == b.len(), "{a:?} {b:?}");
        };
        near(told(&["cart", "person", "dog"]), &[0.1, 0.7, 0.2]);
        near(told(&["person", "cart", "dog"]), &[0.7, 0.1, 0.2]);
        near(told(&["person", "forklift", "pallet"]), &[0.7, 0.15, 0.15]);
        near(told(&["person", "cart"]), &[0.875, 0.125]);
        near(told(&["forklift", "pallet"]), &[0.5, 0.5]);
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn senseless_classes_are_none() {
        let mut models = Models::new(vec![]);
        models.hear(&set("3"));
        for stated in [vec![], vec![1.0], vec![0.0, 0.0], vec![f32::NAN, f32::NAN]] {
            let d = Detection { class_probabilities: stated, ..detection() };
            assert_eq!(models.classes(&set("3"), &d), None);
        }
    }

    #[test]
    fn lines_are_level_beyond_their_ends() {
        let line = [[0.2, 0.1], [0.6, 0.5]];
        for (p, value) in [(0.0, 0.1), (0.4, 0.3), (0.6, 0.5), (1.0, 0.5)] {
            assert!((interpolated(&line, p) - value).abs() < 1e-12);
        }
        assert!((interpolated(&[], 0.3) - 0.3).abs() < 1e-12);
    }
}
