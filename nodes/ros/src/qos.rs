//! Quality of service in r2r's terms.

use outrider_runtime::Qos;
use r2r::QosProfile;

/// The profile of a topic.
pub fn profile(qos: Qos) -> QosProfile {
    let base = QosProfile::default().keep_last(qos.depth as usize);
    let base = if qos.reliable { base.reliable() } else { base.best_effort() };
    if qos.transient_local { base.transient_local() } else { base.volatile() }
}

/// What a publisher can still send again to a reliable subscriber that missed it, or that was found a moment too late: a
/// second of the fastest topics.
const KEPT: u32 = 100;
/// The same for messages of tens of kilobytes.
const KEPT_LARGE: u32 = 20;

/// The profile to offer: sensor data is offered reliably, so that a subscriber of either kind is served.
pub fn offered(qos: Qos) -> QosProfile {
    profile(Qos { reliable: true, ..qos })
}

/// What a publisher of the suite keeps; `large`: messages of tens of kilobytes.
pub fn kept(qos: Qos, large: bool) -> Qos {
    let kept = if large { KEPT_LARGE } else { KEPT };
    // What is kept for late comers is all sent to them: no more than they are meant to have.
    let depth = if qos.transient_local { qos.depth } else { qos.depth.max(kept) };
    Qos { depth, ..qos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_keep_a_second_for_who_missed_it_and_no_more_for_late_comers() {
        for (qos, large, depth) in [
            (Qos::SENSOR, false, 100),
            (Qos::RELIABLE, true, 20),
            (Qos::RECORD, false, 1000),
            (Qos::LATCHED, false, 1),
        ] {
            assert_eq!(kept(qos, large), Qos { depth, ..qos });
        }
    }
}
