//! Quality of service in r2r's terms.

use outrider_runtime::Qos;
use r2r::QosProfile;

/// The profile of a topic.
pub fn profile(qos: Qos) -> QosProfile {
    let base = QosProfile::default().keep_last(qos.depth as usize);
    let base = if qos.reliable { base.reliable() } else { base.best_effort() };
    if qos.transient_local { base.transient_local() } else { base.volatile() }
}

/// The profile to offer: sensor data is offered reliably, so that a subscriber of either kind is served.
pub fn offered(qos: Qos) -> QosProfile {
    profile(Qos { reliable: true, ..qos })
}
