//! An update allocates nothing, whatever the formula and however bad the data.

use crate::counting::allocations;
use outrider_foundation::{Instant, Span};
use outrider_stl::{Formula, Limits, Monitor, State};

#[test]
fn an_update_allocates_nothing() {
    let text = "const float c = 0.3;
        near = abs(x - y) < c or sqrt(x * x) > pow(y, 2) / exp(z);
        calm = (x < 1) since[0:0.5] (y > 0) and (x < 2) since[0.2:0.7] (rise(z > 0)) and (x < 3) since (fall(y < 1));
        historically[0:1](near) and once[0.1:2](not calm) and historically(prev(x) < 9) and (once(y > 0) iff z > 0)";
    let formula = Formula::parse(text, &["x", "y", "z"]).unwrap();
    // A third of the rate that comes: buffers overflow as well.
    let limits = Limits {
        period: Span::from_millis(30),
        max_gap: Some(Span::from_millis(300)),
        samples_max: usize::MAX,
        memory_max_bytes: 1 << 20,
    };
    let mut monitor = Monitor::new(formula, &limits).unwrap();
    let size = monitor.byte_size();
    let (mut now, mut seed, mut invalid) = (0_i64, 1_u64, 0_u64);
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1_u32 << 24)
    };
    let counted = allocations(|| {
        for i in 0..200_000_u64 {
            now += if i % 997 == 0 { 500_000_000 } else { 10_000_000 };
            let late = if i % 1013 == 0 { 40_000_000 } else { 0 };
            let bad = [Some(f64::NAN), None, Some(f64::INFINITY)][(i % 3) as usize];
            let x = if i % 301 == 0 { bad } else { Some(random() * 4.0) };
            let verdict =
                monitor.update(Instant::from_nanos(now - late), &[x, Some(random()), Some(random() - 0.5)]);
            invalid += u64::from(matches!(verdict.state, State::Invalid(_)));
            if i % 50_000 == 0 {
                monitor.reset();
            }
        }
    });
    assert_eq!(counted, 0, "allocations in 200,000 updates");
    assert!(invalid > 1000, "the data were not bad enough: {invalid}");
    assert_eq!(monitor.byte_size(), size);
}

/// What `byte_size` says is what was taken from the heap, and the struct itself.
#[test]
fn memory_is_known_before_the_start() {
    let sizes = |window_s: u32| {
        let formula = Formula::parse(&format!("historically[0:{window_s}](x < 1)"), &["x"]).unwrap();
        let limits = Limits {
            period: Span::from_millis(10),
            max_gap: None,
            samples_max: usize::MAX,
            memory_max_bytes: 1 << 24,
        };
        Monitor::new(formula, &limits).unwrap().byte_size()
    };
    let (short, long) = (sizes(1), sizes(1000));
    assert!((4_000..7_000).contains(&short), "{short}");
    // Room for a power of two of samples, of 32 bytes.
    assert_eq!(long - short, (131_072 - 128) * 32 + 3);
}
