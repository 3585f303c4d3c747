//! One source of the hot loops, compiled for several instruction sets; which one runs changes the time, never a bit.

use super::field::{Field, Nearness};
use super::kernel::{self, Draw, LANES, Row, Scene, Tile};
use super::reduce::{Summary, reduce};
use outrider_foundation::Point2;
use outrider_foundation::grid::CostGrid;

/// Instruction sets that the loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every machine of this kind has (SSE2 on x86-64).
    Baseline,
    /// AVX2, without FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Level {
    /// Those that this machine has, the widest last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(has_avx2().then_some(Self::Avx2));
            levels.extend(has_avx512().then_some(Self::Avx512));
        }
        levels
    }

    /// The widest.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Baseline)
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// The trajectories of one decision, tile by tile: `steps` rows each.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Speeds.
    pub v: Vec<Row>,
    /// Turn rates.
    pub w: Vec<Row>,
    /// How they fare.
    pub tiles: Vec<Tile>,
    /// What they weigh.
    pub weights: Vec<Row>,
    /// Steps of each.
    pub steps: usize,
}

impl Batch {
    /// For at least so many samples.
    pub fn new(samples: usize, steps: usize) -> Self {
        let tiles = samples.div_ceil(LANES).max(1);
        Self {
            v: vec![[0.0; LANES]; tiles * steps],
            w: vec![[0.0; LANES]; tiles * steps],
            tiles: vec![Tile::default(); tiles],
            weights: vec![[0.0; LANES]; tiles],
            steps,
        }
    }

    /// Samples that it has room for.
    pub fn samples(&self) -> usize {
        self.tiles.len() * LANES
    }
}

/// A piece of work with hot loops.
pub enum Work<'a, 'b> {
    /// Fill the table of what stands, within `half_m` of `centre`.
    Fill {
        /// The table.
        field: &'a mut Field,
        /// From these distances.
        grid: &'a CostGrid,
        /// About this point.
        centre: Point2,
        /// So far.
        half_m: f64,
        /// For discs of this radius.
        radius_m: f64,
        /// What it costs.
        cost: Nearness,
    },
    /// Draw noise only: for measurements.
    Vary(&'a Draw<'b>, &'a mut Batch),
    /// Roll out the velocities that are there.
    Roll(&'a Scene<'b>, &'a mut Batch),
    /// Draw and roll out, tile by tile.
    Sample(&'a Scene<'b>, &'a Draw<'b>, &'a mut Batch),
    /// Weigh, and take the mean.
    Reduce {
        /// What was rolled out.
        batch: &'a mut Batch,
        /// 1 / temperature.
        per_temperature: f32,
        /// Where the mean goes: speeds and turn rates.
        plan: [&'a mut [f32]; 2],
        /// What they say together; `None` when no cost is a number.
        summary: &'a mut Option<Summary>,
    },
}

/// A function for every instruction set, and one that calls that of a level: the baseline's when the machine has not got it.
/// Small ones, called tile by tile: in one function with everything in it the same loops took a quarter longer.
macro_rules! for_every_level {
    ($(fn $name:ident($($argument:ident: $of:ty),*) = $does:expr;)*) => {$(
        fn $name(level: Level, $($argument: $of),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn with_avx2($($argument: $of),*) {
                $does;
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn with_avx512($($argument: $of),*) {
                $does;
            }
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 if has_avx2() => {
                    #[allow(unsafe_code, reason = "instructions beyond the baseline have no other door")]
                    // SAFETY: the guard of this arm has asked the processor for AVX2.
                    unsafe {
                        with_avx2($($argument),*);
                    }
                }
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 if has_avx512() => {
                    #[allow(unsafe_code, reason = "instructions beyond the baseline have no other door")]
                    // SAFETY: the guard of this arm has asked the processor for all four features.
                    unsafe {
                        with_avx512($($argument),*);
                    }
                }
                _ => {
                    $does;
                }
            }
        }
    )*};
}

for_every_level! {
    fn vary(draw: &Draw<'_>, first: u32, v: &mut [Row], w: &mut [Row], control: &mut Row) =
        kernel::vary(draw, first, v, w, control);
    fn roll(scene: &Scene<'_>, v: &mut [Row], w: &mut [Row], tile: &mut Tile) = kernel::roll(scene, v, w, tile);
    fn fill(field: &mut Field, grid: &CostGrid, centre: Point2, half_m: f64, radius_m: f64, cost: &Nearness) =
        field.fill(grid, centre, half_m, radius_m, cost);
    fn weigh(batch: &mut Batch, per_temperature: f32, plan: [&mut [f32]; 2], summary: &mut Option<Summary>) =
        *summary = reduce(&batch.tiles, &batch.v, &batch.w, per_temperature, &mut batch.weights, plan);
}

/// Does it with the instructions of `level`.
pub fn run(level: Level, work: Work<'_, '_>) {
    match work {
        Work::Fill { field: table, grid, centre, half_m, radius_m, cost } => {
            fill(level, table, grid, centre, half_m, radius_m, &cost);
        }
        Work::Vary(draw, batch) => each(level, batch, Some(draw), None),
        Work::Roll(scene, batch) => each(level, batch, None, Some(scene)),
        Work::Sample(scene, draw, batch) => each(level, batch, Some(draw), Some(scene)),
        Work::Reduce { batch, per_temperature, plan, summary } => {
            weigh(level, batch, per_temperature, plan, summary);
        }
    }
}

fn each(level: Level, batch: &mut Batch, draw: Option<&Draw<'_>>, scene: Option<&Scene<'_>>) {
    let steps = batch.steps.max(1);
    let rows = batch.v.chunks_exact_mut(steps).zip(batch.w.chunks_exact_mut(steps));
    for (i, ((v, w), tile)) in rows.zip(&mut batch.tiles).enumerate() {
        if let Some(draw) = draw {
            vary(level, draw, (i * LANES) as u32, v, w, &mut tile.control);
        }
        if let Some(scene) = scene {
            roll(level, scene, v, w, tile);
        }
    }
}
