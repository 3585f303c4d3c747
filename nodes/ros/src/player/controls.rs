//! The player's services, with the names and types of rosbag2's player: pause, resume and the rate.

use super::timeline::Timeline;
use super::{FASTEST, SLOWEST};
use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::rosbag2_interfaces::srv::{GetRate, IsPaused, Pause, Resume, SetRate, TogglePaused};

type Calls<S> = Box<dyn Stream<Item = r2r::ServiceRequest<S>> + Unpin>;

pub(super) struct Controls {
    pause: Calls<Pause::Service>,
    resume: Calls<Resume::Service>,
    toggle: Calls<TogglePaused::Service>,
    is_paused: Calls<IsPaused::Service>,
    get_rate: Calls<GetRate::Service>,
    set_rate: Calls<SetRate::Service>,
}

impl Controls {
    pub(super) fn connect(ros: &mut r2r::Node) -> anyhow::Result<Self> {
        Ok(Self {
            pause: serve::<Pause::Service>(ros, "~/pause")?,
            resume: serve::<Resume::Service>(ros, "~/resume")?,
            toggle: serve::<TogglePaused::Service>(ros, "~/toggle_paused")?,
            is_paused: serve::<IsPaused::Service>(ros, "~/is_paused")?,
            get_rate: serve::<GetRate::Service>(ros, "~/get_rate")?,
            set_rate: serve::<SetRate::Service>(ros, "~/set_rate")?,
        })
    }

    /// Does and answers what was asked since the last time.
    pub(super) fn answer(&mut self, line: &mut Timeline, now_ns: i64) {
        answer(&mut self.pause, |_| {
            line.pause(now_ns);
            Pause::Response::default()
        });
        answer(&mut self.resume, |_| {
            line.resume(now_ns);
            Resume::Response::default()
        });
        answer(&mut self.toggle, |_| {
            if line.is_paused() {
                line.resume(now_ns)
            } else {
                line.pause(now_ns)
            }
            TogglePaused::Response::default()
        });
        answer(&mut self.is_paused, |_| IsPaused::Response { paused: line.is_paused() });
        answer(&mut self.get_rate, |_| GetRate::Response { rate: line.rate() });
        answer(&mut self.set_rate, |request| {
            let success = (SLOWEST..=FASTEST).contains(&request.rate) && line.set_rate(now_ns, request.rate);
            if !success {
                tracing::warn!("player: rate {} refused: not within [{SLOWEST}, {FASTEST}]", request.rate);
            }
            SetRate::Response { success }
        });
    }
}

fn serve<S: r2r::WrappedServiceTypeSupport + 'static>(
    ros: &mut r2r::Node,
    name: &str,
) -> anyhow::Result<Calls<S>> {
    Ok(Box::new(ros.create_service::<S>(name, r2r::QosProfile::services_default())?))
}

/// r2r holds at most ten calls of a service.
fn answer<S: r2r::WrappedServiceTypeSupport + 'static>(
    calls: &mut Calls<S>,
    mut act: impl FnMut(&S::Request) -> S::Response,
) {
    while let Some(call) = calls.next().now_or_never().flatten() {
        let response = act(&call.message);
        if let Err(error) = call.respond(response) {
            tracing::warn!("player: a service call was not answered: {error}");
        }
    }
}
