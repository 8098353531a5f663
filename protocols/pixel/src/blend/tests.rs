#![expect(unsafe_code, reason = "each kernel is called by itself")]
use proptest::prelude::*;

use super::*;

/// All instruction sets that this machine can run.
fn sets() -> Vec<Isa> {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = std::arch::is_x86_feature_detected!("avx2").then_some(Isa::Avx2);
        [Isa::Sse2].into_iter().chain(avx2).collect()
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    {
        vec![Isa::Neon]
    }
    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    )))]
    {
        Vec::new()
    }
}

fn run(
    isa: Isa,
    target: &[u32],
    source: &[u32],
    mask: Option<&[u8]>,
    formula: Formula,
) -> Vec<u32> {
    let mut target = target.to_vec();
    let len = target.len().min(source.len());
    // SAFETY: the source has as many words as are kept of the target.
    unsafe { blend(isa, &mut target[..len], source.as_ptr(), mask, &formula) };
    target
}

/// One pixel by WFD's formulas as they are written, each for itself: 0 to 255, not rounded.
fn ideal(target: u32, source: u32, mask: Option<u8>, formula: &Formula) -> [f64; 4] {
    let stored = if formula.opaque { source | ALPHA } else { source };
    let channels = |word: u32| word.to_be_bytes().map(f64::from);
    let under = channels(target);
    if formula.key == Some(stored) {
        return under;
    }
    // The alpha of what is drawn without its alpha is 1, for targets that keep alpha.
    let over = channels(if formula.source_alpha { stored } else { stored | ALPHA });
    let alpha = over[0] / 255.0;
    let global = f64::from(formula.global) / 255.0;
    let by_mask = mask.map(|m| f64::from(m) / 255.0);
    let formula = |s: f64, d: f64| match (formula.source_alpha, formula.global, by_mask) {
        (false, 255, None) => s,
        (false, _, None) => s * global + d * (1.0 - global),
        (true, 255, None) => s + d * (1.0 - alpha),
        (false, 255, Some(m)) => s * m + d * (1.0 - m),
        (true, _, None) => s * global + d * (1.0 - alpha * global),
        (false, _, Some(m)) => s * m * global + d * (1.0 - m * global),
        (true, 255, Some(m)) => s * m + d * (1.0 - alpha * m),
        (true, _, Some(m)) => s * global * m + d * (1.0 - alpha * global * m),
    };
    std::array::from_fn(|c| formula(over[c], under[c]).min(255.0))
}

fn assert_near(word: u32, ideal: [f64; 4], context: &str) {
    for (got, want) in word.to_be_bytes().into_iter().zip(ideal) {
        let off = (f64::from(got) - want).abs();
        assert!(off <= 0.52, "{got} is {off} away from {want}: {context}");
    }
}

/// Bytes that matter most, and any other.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), Just(1), Just(127), Just(128), Just(254), Just(255), any::<u8>()]
}

const KEY: u32 = 0xffff_00ff;

/// A pixel: premultiplied, with colours larger than alpha, or close to the key.
fn word() -> impl Strategy<Value = u32> {
    let plain = [byte(), byte(), byte(), byte()].prop_map(u32::from_be_bytes);
    let premultiplied = [byte(), byte(), byte(), byte()].prop_map(|[a, r, g, b]| {
        let part = |c: u8| u8::try_from(u16::from(c) * u16::from(a) / 255).unwrap();
        u32::from_be_bytes([a, part(r), part(g), part(b)])
    });
    let near_key = prop_oneof![
        Just(KEY),
        Just(KEY & !ALPHA),
        Just(KEY ^ 1),
        Just(KEY ^ 0x100),
        Just(KEY ^ 0x1_0000),
        Just(KEY ^ 0x0100_0000),
    ];
    prop_oneof![3 => plain, 3 => premultiplied, 1 => near_key, 1 => Just(0)]
}

fn formula() -> impl Strategy<Value = Formula> {
    (any::<bool>(), any::<bool>(), byte(), any::<bool>()).prop_map(
        |(opaque, source_alpha, global, keyed)| Formula {
            opaque,
            source_alpha,
            global,
            key: keyed.then_some(KEY),
        },
    )
}

/// Rows of up to 70 pixels with a mask, in which runs of one value are common.
fn rows() -> impl Strategy<Value = Vec<(u32, u32, u8)>> {
    let run = ((word(), word(), byte()), 1_usize..12);
    let noise = prop::collection::vec((word(), word(), byte()), 0..40);
    (prop::collection::vec(run, 0..4), noise).prop_map(|(runs, noise)| {
        runs.into_iter().flat_map(|(pixel, n)| vec![pixel; n]).chain(noise).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_kernel_equals_the_portable_one_and_the_formulas(
        rows in rows(),
        formula in formula(),
        masked in any::<bool>(),
        skip in 0_usize..8,
    ) {
        let under: Vec<u32> = rows.iter().map(|r| r.0).collect();
        let over: Vec<u32> = rows.iter().map(|r| r.1).collect();
        let mask: Vec<u8> = rows.iter().map(|r| r.2).collect();
        // Every alignment.
        let skip = skip.min(rows.len());
        let (under, over) = (&under[skip..], &over[skip..]);
        let mask = masked.then_some(&mask[skip..]);
        let portable = run(Isa::Portable, under, over, mask, formula);
        for (x, word) in portable.iter().enumerate() {
            let ideal = ideal(under[x], over[x], mask.map(|m| m[x]), &formula);
            assert_near(*word, ideal, &format!("{formula:?}"));
        }
        for isa in sets() {
            let row = run(isa, under, over, mask, formula);
            prop_assert_eq!(&row, &portable, "{:?} {:?}", isa, formula);
        }
    }

    #[test]
    fn opaque_targets_stay_opaque(rows in rows(), formula in formula(), masked in any::<bool>()) {
        let under: Vec<u32> = rows.iter().map(|r| r.0 | ALPHA).collect();
        let over: Vec<u32> = rows.iter().map(|r| r.1).collect();
        let mask: Vec<u8> = rows.iter().map(|r| r.2).collect();
        let mut row = under;
        blend_row(&mut row, &over, masked.then_some(&mask), &formula);
        prop_assert!(row.iter().all(|word| word >> 24 == 255));
    }
}

/// Every byte for alpha, mask and channel, with a few for what the others are.
#[test]
fn every_combination_of_bytes_is_near_the_formulas() {
    let some = [0_u8, 1, 64, 127, 128, 200, 254, 255];
    let all: Vec<u8> = (0..=255).collect();
    for alpha in 0..=255_u8 {
        for (global, colour) in some.iter().flat_map(|g| some.map(|c| (*g, c))) {
            let colour = u8::try_from(u16::from(colour) * u16::from(alpha) / 255).unwrap();
            let over = vec![u32::from_be_bytes([alpha, colour, colour, alpha]); 256];
            let under: Vec<u32> =
                all.iter().map(|d| u32::from_be_bytes([255, *d, 255 - *d, 77])).collect();
            let formula = Formula { opaque: false, source_alpha: true, global, key: None };
            let portable = run(Isa::Portable, &under, &over, Some(&all), formula);
            for x in (0..256).step_by(5) {
                assert_near(
                    portable[x],
                    ideal(under[x], over[x], Some(all[x]), &formula),
                    &format!("{formula:?} alpha {alpha} mask {x}"),
                );
            }
            for isa in sets() {
                assert_eq!(run(isa, &under, &over, Some(&all), formula), portable, "{isa:?}");
            }
        }
    }
}

/// What blends nothing changes no bit.
#[test]
fn the_ends_are_exact() {
    let under: Vec<u32> = (0..97).map(|i| 0xff00_0000 | (i * 0x0012_3457)).collect();
    let over: Vec<u32> = (0..97_u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
    let opaque: Vec<u32> = over.iter().map(|w| w | ALPHA).collect();
    let formula = |source_alpha, global| Formula { opaque: false, source_alpha, global, key: None };
    for isa in sets().into_iter().chain([Isa::Portable]) {
        let run = |over: &[u32], mask: Option<u8>, formula| {
            let mask = mask.map(|m| vec![m; 97]);
            run(isa, &under, over, mask.as_deref(), formula)
        };
        // WFD's NONE takes the colours as they are stored.
        assert_eq!(run(&over, None, formula(false, 255)), opaque, "{isa:?}");
        assert_eq!(run(&over, Some(255), formula(false, 255)), opaque, "{isa:?}");
        assert_eq!(run(&opaque, Some(255), formula(true, 255)), opaque, "{isa:?}");
        assert_eq!(run(&over, None, formula(true, 0)), under, "{isa:?}");
        assert_eq!(run(&over, Some(0), formula(true, 255)), under, "{isa:?}");
        assert_eq!(run(&[0; 97], Some(200), formula(true, 100)), under, "{isa:?}");
        // Written both ways, an opacity is the same.
        let by_mask = run(&over, Some(99), formula(true, 255));
        assert_eq!(by_mask, run(&over, None, formula(true, 99)), "{isa:?}");
        assert_eq!(by_mask, run(&over, Some(255), formula(true, 99)), "{isa:?}");
    }
}

/// Only exactly the key is left out, and only where it is opaque.
#[test]
fn a_key_is_one_colour() {
    let formula = Formula { key: Some(KEY & !ALPHA), ..Formula::COPY };
    let mut row = vec![0xff11_2233; 5];
    blend_row(&mut row, &[KEY, KEY ^ 1, KEY & !ALPHA, 0, KEY], None, &formula);
    assert_eq!(row, [0xff11_2233, KEY ^ 1, 0xff11_2233, ALPHA, 0xff11_2233]);
    let stored = Formula { opaque: false, ..formula };
    let mut row = vec![0xff11_2233; 2];
    blend_row(&mut row, &[KEY, KEY & !ALPHA], None, &stored);
    assert_eq!(row, [0xff11_2233, KEY]);
}

#[test]
fn rows_of_unequal_length_blend_what_all_have() {
    let mut row = vec![ALPHA; 20];
    blend_row(&mut row, &[u32::MAX; 12], Some(&[255; 9]), &Formula::COPY);
    assert_eq!(row[..9], [u32::MAX; 9]);
    assert_eq!(row[9..], [ALPHA; 11]);
}
