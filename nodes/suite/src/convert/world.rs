//! The world model, its grids and what RViz and Foxglove are shown of it.

use super::{
    Checked, Of, all_finite, at_most, body_box_from, body_box_to, finite, frame_from, frame_name, header,
    stamp_from, within,
};
use outrider_foundation::data::{
    COMPONENT_LIMIT, Component, EgoState, SourceState, SourceStatus, TRACK_LIMIT, Track, TrackState,
    WorldModel,
};
use outrider_foundation::grid::{COST_INSCRIBED, COST_LETHAL, COST_UNKNOWN, CostGrid, GridSize};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_msgs::{nav_msgs, outrider_msgs as ours};
use std::fmt::Display;
use std::sync::Arc;

/// The weights of one time may add up to so much more or less than 1.
const WEIGHT_SLACK: f64 = 1e-6;

/// A grid.
pub fn grid_from_message(m: ours::Grid) -> Checked<CostGrid> {
    let grid = CostGrid {
        stamp: stamp_from(&m.header.stamp)?,
        sequence: m.sequence,
        frame: frame_from(&m.header.frame_id)?,
        resolution_m: within("resolution", m.resolution, 0.005, 1.0)?,
        width: m.width,
        height: m.height,
        origin: Point2::new(finite("origin_x", m.origin_x)?, finite("origin_y", m.origin_y)?),
        cost: m.cost,
        distance_sq: m.distance_sq,
    };
    if grid.is_consistent() {
        return Ok(grid);
    }
    let (costs, distances) = (grid.cost.len(), grid.distance_sq.len());
    Err(format!("{costs} costs and {distances} distances for a grid of {} x {}", m.width, m.height))
}

/// A grid as its message, without its cells: see [`outrider_msgs::encode_with_cells`].
pub fn grid_to_message(g: &CostGrid) -> ours::Grid {
    ours::Grid {
        header: header(g.stamp, frame_name(g.frame)),
        sequence: g.sequence,
        resolution: g.resolution_m,
        width: g.width,
        height: g.height,
        origin_x: g.origin.x_m,
        origin_y: g.origin.y_m,
        ..ours::Grid::default()
    }
}

/// A grid as RViz draws costmaps: costs scaled as nav2_costmap_2d's publisher does.
pub fn costmap_message(g: &CostGrid) -> nav_msgs::OccupancyGrid {
    let scale = |cost: &u8| match *cost {
        0 => 0,
        COST_UNKNOWN => -1,
        COST_LETHAL => 100,
        COST_INSCRIBED => 99,
        // 1..=252 onto 1..=98.
        other => i8::try_from(1 + (97 * (u32::from(other) - 1)) / 251).unwrap_or(98),
    };
    let mut m =
        nav_msgs::OccupancyGrid { header: header(g.stamp, frame_name(g.frame)), ..Default::default() };
    m.info.resolution = g.resolution_m as f32;
    m.info.width = g.width;
    m.info.height = g.height;
    m.info.origin = super::pose_message(Pose2::new(g.origin.x_m, g.origin.y_m, 0.0));
    m.data = g.cost.iter().map(scale).collect();
    m
}

/// An order to change a grid's size. Its resolution is a `float32`: it is taken to the tenth of a millimetre.
pub fn resize_from_message(m: nav_msgs::MapMetaData) -> Checked<GridSize> {
    let resolution_m = within("resolution", f64::from(m.resolution), 0.005, 1.0)?;
    Ok(GridSize { width: m.width, height: m.height, resolution_m: (resolution_m * 1e4).round() / 1e4 })
}

/// A world model.
pub fn world_model_from_message(m: ours::WorldModel) -> Checked<WorldModel> {
    let mut m = m;
    let local = grid_from_message(std::mem::take(&mut m.local)).map_err(|e| format!("local: {e}"))?;
    Ok(WorldModel { local: Arc::new(local), ..world_model_without_cells_from_message(m)? })
}

/// A world model with a grid of no cells.
pub fn world_model_without_cells_from_message(m: ours::WorldModel) -> Checked<WorldModel> {
    at_most("tracks", m.tracks.len(), TRACK_LIMIT)?;
    at_most("sources", m.sources.len(), 64)?;
    let [x_m, y_m, yaw_rad] = all_finite("ego", [m.ego_x, m.ego_y, m.ego_yaw])?;
    let [odom_x_m, odom_y_m, odom_yaw_rad] = all_finite("odom", [m.odom_x, m.odom_y, m.odom_yaw])?;
    let [v_mps, w_radps] = all_finite("ego velocity", [m.ego_v, m.ego_w])?;
    let tracks = m.tracks.into_iter().enumerate();
    Ok(WorldModel {
        stamp: stamp_from(&m.header.stamp)?,
        boot_id: m.boot_id,
        sequence: m.sequence,
        scan_stamp: stamp_from(&m.scan_stamp)?,
        ego: EgoState {
            frame: frame_from(&m.header.frame_id)?,
            pose: Pose2 { x_m, y_m, yaw_rad },
            covariance: all_finite("ego_covariance", m.ego_covariance)?,
            twist: Twist2 { v_mps, w_radps },
            odom_from_base: Pose2::new(odom_x_m, odom_y_m, odom_yaw_rad),
            localised: m.localised,
        },
        tracks: tracks.map(|(i, t)| track_from(i, t)).collect::<Checked<_>>()?,
        sources: m.sources.into_iter().map(source_from).collect::<Checked<_>>()?,
        local: Arc::default(),
        global_sequence: m.global_sequence,
    })
}

/// A world model as its message, without the cells of its grid: see [`outrider_msgs::encode_with_cells`].
pub fn world_model_to_message(w: &WorldModel) -> ours::WorldModel {
    ours::WorldModel {
        header: header(w.stamp, frame_name(w.ego.frame)),
        boot_id: w.boot_id,
        sequence: w.sequence,
        scan_stamp: outrider_runtime::time_message(w.scan_stamp),
        ego_x: w.ego.pose.x_m,
        ego_y: w.ego.pose.y_m,
        ego_yaw: w.ego.pose.yaw_rad,
        ego_covariance: w.ego.covariance,
        ego_v: w.ego.twist.v_mps,
        ego_w: w.ego.twist.w_radps,
        odom_x: w.ego.odom_from_base.x_m,
        odom_y: w.ego.odom_from_base.y_m,
        odom_yaw: w.ego.odom_from_base.yaw_rad,
        localised: w.ego.localised,
        tracks: w.tracks.iter().map(track_to).collect(),
        sources: w.sources.iter().map(source_to).collect(),
        local: grid_to_message(&w.local),
        global_sequence: w.global_sequence,
    }
}

const SOURCE_STATES: [(SourceStatus, u8); 4] = [
    (SourceStatus::Fresh, ours::SourceState::FRESH),
    (SourceStatus::Stale, ours::SourceState::STALE),
    (SourceStatus::Missing, ours::SourceState::MISSING),
    (SourceStatus::Invalid, ours::SourceState::INVALID),
];

const TRACK_STATES: [(TrackState, u8); 5] = [
    (TrackState::Tentative, ours::Track::TENTATIVE),
    (TrackState::Confirmed, ours::Track::CONFIRMED),
    (TrackState::Coasting, ours::Track::COASTING),
    (TrackState::Reachable, ours::Track::REACHABLE),
    (TrackState::Standing, ours::Track::STANDING),
];

/// The value that a code stands for.
pub(super) fn from_code<T: Copy>(field: impl Display, code: u8, table: &[(T, u8)]) -> Checked<T> {
    let found = table.iter().find(|(_, c)| *c == code).map(|(value, _)| *value);
    found.ok_or_else(|| format!("{field}: {code} is no known code"))
}

/// The code of a value; every value stands in its table.
pub(super) fn to_code<T: Copy + PartialEq>(value: T, table: &[(T, u8)]) -> u8 {
    table.iter().find(|(v, _)| *v == value).map_or(u8::MAX, |(_, code)| *code)
}

fn source_from(m: ours::SourceState) -> Checked<SourceState> {
    if m.age.is_nan() {
        return Err(format!("sources.{}.age: not a number", m.name));
    }
    Ok(SourceState {
        status: from_code("sources.status", m.status, &SOURCE_STATES)?,
        name: m.name,
        age_s: m.age,
        rate_hz: finite("sources.rate", m.rate)?,
        received: m.received,
        rejected: m.rejected,
        reason: m.reason,
    })
}

fn source_to(s: &SourceState) -> ours::SourceState {
    ours::SourceState {
        name: s.name.clone(),
        status: to_code(s.status, &SOURCE_STATES),
        age: s.age_s,
        rate: s.rate_hz,
        received: s.received,
        rejected: s.rejected,
        reason: s.reason.clone(),
    }
}

fn track_from(index: usize, m: ours::Track) -> Checked<Track> {
    let field = |name| Of("tracks", index, name);
    let [x, y, vx, vy] = all_finite(field("state"), [m.x, m.y, m.vx, m.vy])?;
    let points = m.prediction_x.len();
    at_most(field("prediction"), points, 256)?;
    if points != m.prediction_y.len() || points != m.prediction_sigma.len() {
        return Err(format!("{}: lengths of x, y and sigma differ", field("prediction")));
    }
    let numbers = m.prediction_x.iter().chain(&m.prediction_y).chain(&m.prediction_sigma);
    if let Some(bad) = numbers.into_iter().find(|v| !v.is_finite()) {
        return Err(format!("{}: {bad} is not a finite number", field("prediction")));
    }
    let mixture = mixture_from(&m, points).map_err(|e| format!("tracks[{index}].{e}"))?;
    let body = [m.body_x, m.body_y, m.body_yaw, m.body_length, m.body_width];
    Ok(Track {
        body: body_box_from("tracks", index, body)?,
        id: m.id,
        state: from_code(field("state"), m.state, &TRACK_STATES)?,
        class_label: m.class_label,
        class_probability: within(field("class_probability"), m.class_probability, 0.0, 1.0)?,
        position: Point2::new(x, y),
        velocity: Point2::new(vx, vy),
        covariance: all_finite(field("covariance"), m.covariance)?,
        radius_m: within(field("radius"), m.radius, 0.0, 10.0)?,
        existence: within(field("existence"), m.existence, 0.0, 1.0)?,
        age_s: within(field("age"), m.age, 0.0, 1e6)?,
        reachable_m: within(field("reachable"), m.reachable, 0.0, 1e6)?,
        model_id: m.model_id,
        model_version: m.model_version,
        prediction_step_s: within(field("prediction_step"), m.prediction_step, 0.0, 10.0)?,
        prediction: m.prediction_x.iter().zip(&m.prediction_y).map(|(x, y)| Point2::new(*x, *y)).collect(),
        prediction_sigma_m: m.prediction_sigma,
        mixture,
    })
}

/// The mixture's components in the order of the message; weights are of one time, so they are looked at across components.
fn mixture_from(m: &ours::Track, points: usize) -> Checked<Vec<Component>> {
    let count = usize::from(m.components);
    at_most("components", count, COMPONENT_LIMIT)?;
    let lists = [&m.component_weight, &m.component_x, &m.component_y, &m.component_sigma];
    let [weights, x, y, sigmas] = lists;
    if let Some(other) = lists.iter().map(|list| list.len()).find(|length| *length != count * points) {
        return Err(format!("components: {other} values for {count} components at {points} times"));
    }
    if let Some(bad) = lists.into_iter().flatten().find(|v| !v.is_finite()) {
        return Err(format!("components: {bad} is not a finite number"));
    }
    if let Some(bad) = weights.iter().chain(sigmas).find(|v| **v < 0.0) {
        return Err(format!("components: {bad} is no weight and no sigma"));
    }
    for time in 0..if count > 0 { points } else { 0 } {
        let sum: f64 = weights.iter().skip(time).step_by(points).sum();
        if (sum - 1.0).abs() > WEIGHT_SLACK {
            return Err(format!("components: weights at time {time} add up to {sum}"));
        }
    }
    let all = weights.iter().zip(x).zip(y).zip(sigmas);
    let component = |(((w, x), y), s): (((&f64, &f64), &f64), &f64)| Component {
        weight: *w,
        position: Point2::new(*x, *y),
        sigma_m: *s,
    };
    Ok(all.map(component).collect())
}

fn track_to(t: &Track) -> ours::Track {
    let [body_x, body_y, body_yaw, body_length, body_width] = body_box_to(t.body);
    ours::Track {
        body_x,
        body_y,
        body_yaw,
        body_length,
        body_width,
        id: t.id,
        state: to_code(t.state, &TRACK_STATES),
        class_label: t.class_label.clone(),
        class_probability: t.class_probability,
        x: t.position.x_m,
        y: t.position.y_m,
        vx: t.velocity.x_m,
        vy: t.velocity.y_m,
        covariance: t.covariance,
        radius: t.radius_m,
        existence: t.existence,
        age: t.age_s,
        reachable: t.reachable_m,
        model_id: t.model_id.clone(),
        model_version: t.model_version.clone(),
        prediction_step: t.prediction_step_s,
        prediction_x: t.prediction.iter().map(|p| p.x_m).collect(),
        prediction_y: t.prediction.iter().map(|p| p.y_m).collect(),
        prediction_sigma: t.prediction_sigma_m.clone(),
        components: u8::try_from(t.components().count()).unwrap_or(u8::MAX),
        component_weight: t.mixture.iter().map(|c| c.weight).collect(),
        component_x: t.mixture.iter().map(|c| c.position.x_m).collect(),
        component_y: t.mixture.iter().map(|c| c.position.y_m).collect(),
        component_sigma: t.mixture.iter().map(|c| c.sigma_m).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::data::BodyBox;

    fn model() -> WorldModel {
        let grid = CostGrid {
            resolution_m: 0.05,
            width: 2,
            height: 2,
            cost: vec![0, 100, 253, 254],
            distance_sq: vec![2, 1, 1, 0],
            ..Default::default()
        };
        let track = Track {
            id: 3,
            state: TrackState::Coasting,
            class_label: "person".into(),
            class_probability: 0.75,
            body: Some(BodyBox { pose: Pose2::new(0.5, -1.0, 0.25), length_m: 3.5, width_m: 1.25 }),
            prediction_step_s: 0.2,
            prediction: vec![Point2::new(1.0, 2.0)],
            prediction_sigma_m: vec![0.25],
            mixture: vec![
                Component { weight: 0.75, position: Point2::new(0.5, 2.0), sigma_m: 0.125 },
                Component { weight: 0.25, position: Point2::new(2.5, 2.0), sigma_m: 0.25 },
            ],
            ..Default::default()
        };
        let source = SourceState { name: "scan".into(), age_s: f64::INFINITY, ..Default::default() };
        WorldModel {
            sequence: 7,
            boot_id: 9,
            tracks: vec![track],
            sources: vec![source],
            local: Arc::new(grid),
            ..Default::default()
        }
    }

    /// As it comes out of its bytes.
    fn message() -> ours::WorldModel {
        let model = model();
        let bare = world_model_to_message(&model);
        let bytes =
            outrider_msgs::encode_with_cells(&bare, &model.local.cost, &model.local.distance_sq).unwrap();
        outrider_msgs::decode(&bytes).unwrap()
    }

    #[test]
    fn a_world_model_survives() {
        assert_eq!(world_model_from_message(message()).unwrap(), model());
    }

    #[test]
    fn impossible_world_models_are_refused() {
        let mut m = message();
        m.local.cost.pop();
        assert_eq!(
            world_model_from_message(m).unwrap_err(),
            "local: 3 costs and 4 distances for a grid of 2 x 2"
        );
        let mut m = message();
        m.tracks[0].state = 9;
        assert_eq!(world_model_from_message(m).unwrap_err(), "tracks[0].state: 9 is no known code");
        let refused = |change: fn(&mut ours::Track)| {
            let mut m = message();
            change(&mut m.tracks[0]);
            world_model_from_message(m).unwrap_err()
        };
        assert_eq!(refused(|t| t.components = 4), "tracks[0].components: 4 elements are more than 3");
        assert_eq!(
            refused(|t| t.component_y.truncate(1)),
            "tracks[0].components: 1 values for 2 components at 1 times"
        );
        assert_eq!(
            refused(|t| t.components = 0),
            "tracks[0].components: 2 values for 0 components at 1 times"
        );
        assert_eq!(
            refused(|t| t.component_x[1] = f64::NAN),
            "tracks[0].components: NaN is not a finite number"
        );
        assert_eq!(
            refused(|t| t.component_sigma[1] = -0.1),
            "tracks[0].components: -0.1 is no weight and no sigma"
        );
        assert_eq!(
            refused(|t| t.component_weight[1] = 0.5),
            "tracks[0].components: weights at time 0 add up to 1.25"
        );
        let mut m = message();
        m.ego_yaw = f64::NAN;
        assert!(world_model_from_message(m).is_err());
    }

    #[test]
    fn an_order_for_another_size() {
        let m = nav_msgs::MapMetaData { width: 240, height: 160, resolution: 0.05, ..Default::default() };
        let size = resize_from_message(m).unwrap();
        assert_eq!((size.width, size.height, size.resolution_m.to_bits()), (240, 160, 0.05_f64.to_bits()));
        for resolution in [0.0, -1.0, f32::NAN, 2.0] {
            let m = nav_msgs::MapMetaData { width: 240, height: 160, resolution, ..Default::default() };
            assert!(resize_from_message(m).unwrap_err().contains("resolution"), "{resolution}");
        }
    }

    #[test]
    fn costs_are_scaled_as_rviz_expects() {
        assert_eq!(costmap_message(&model().local).data, [0, 39, 99, 100]);
    }
}
