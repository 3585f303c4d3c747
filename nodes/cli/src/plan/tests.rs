use super::*;
use std::path::Path;

const MAP: &str = "type octile\nheight 5\nwidth 7\nmap\n.......\n.@@@@T.\n.@...@.\n.@.G.W.\n.OOOO..\n";
/// Round the wall; diagonal steps do not cut its corners; within it there is no way out.
const SCEN: &str = "version 1\n\
    0\tm.map\t7\t5\t0\t0\t1\t0\t1\n\
    0\tm.map\t7\t5\t2\t2\t4\t3\t2.41421\n\
    3\tm.map\t7\t5\t0\t4\t6\t4\t14\n\
    1\tm.map\t7\t5\t3\t3\t3\t3\t0\n\
    0\tm.map\t7\t5\t2\t2\t0\t0\t0\n";

fn files(map: &str, scen: &str) -> (tempfile::TempDir, Args) {
    let folder = tempfile::tempdir().unwrap();
    let args = Args {
        map: folder.path().join("m.map"),
        scen: folder.path().join("m.map.scen"),
        bucket: None,
        expansion_limit: 1_000_000,
        json: false,
    };
    std::fs::write(&args.map, map).unwrap();
    std::fs::write(&args.scen, scen).unwrap();
    (folder, args)
}

fn exit(map: &str, scen: &str) -> ExitCode {
    run(files(map, scen).1).unwrap()
}

fn said(map: &str, scen: &str) -> String {
    let (folder, args) = files(map, scen);
    format!("{:#}", run(args).unwrap_err()).replace(&folder.path().display().to_string(), "")
}

#[test]
fn lengths_as_expected_are_equal_and_others_are_not() {
    assert_eq!(exit(MAP, SCEN), ExitCode::SUCCESS);
    let wrong = [
        ("\t14\n", "\t13.4142\n"),
        ("\t14\n", "\t14.0001\n"),
        ("2.41421\n", "2.41423\n"),
        ("2.41421\n", "3\n"),
        // No way in place of a way, and the other way round.
        ("\t14\n", "\t0\n"),
        ("0\t0\t0\n", "0\t0\t4\n"),
    ];
    for (right, wrong) in wrong {
        let scen = SCEN.replace(right, wrong);
        assert_ne!(scen, SCEN);
        assert_eq!(exit(MAP, &scen), ExitCode::FAILURE, "{wrong:?}");
    }
}

#[test]
fn a_search_that_gives_up_is_not_equal() {
    let (_folder, mut args) = files(MAP, SCEN);
    args.expansion_limit = 3;
    assert_eq!(run(args).unwrap(), ExitCode::FAILURE);
}

#[test]
fn one_bucket_alone() {
    let (_folder, mut args) = files(MAP, &SCEN.replace("\t14\n", "\t15\n"));
    args.bucket = Some(0);
    assert_eq!(run(args).unwrap(), ExitCode::SUCCESS);
    let (_folder, mut args) = files(MAP, SCEN);
    args.bucket = Some(9);
    assert!(run(args).unwrap_err().to_string().ends_with("no problem in bucket 9"));
}

#[test]
fn what_is_wrong_with_a_map_is_said_with_its_line() {
    let cases = [
        ("type octile", "type tile", "/m.map:1: `type tile` in place of `type octile`"),
        ("height 5", "height five", "/m.map:2: `height five` in place of `height N` with a positive number"),
        ("width 7", "width 0", "/m.map:3: `width 0` in place of `width N` with a positive number"),
        (
            "width 7",
            "width 7777777",
            "/m.map:3: 7777777 x 5 are 38888885 cells: more than the 16777216 there may be",
        ),
        ("\nmap\n", "\ngrid\n", "/m.map:4: `grid` in place of `map`"),
        (".@@@@T.", ".@@@@T", "/m.map:6: row 1 has 6 characters, not the width of 7"),
        (".@...@.", ".@.x.@.", "/m.map:7: `x` at column 3: not one of . G S @ O T W"),
        (".OOOO..\n", "", "/m.map:9: the file ends here in place of row 4 of 5"),
        (".OOOO..\n", ".OOOO..\n.......\n", "/m.map:10: `.......` after the last of 5 rows"),
    ];
    for (right, wrong, message) in cases {
        let map = MAP.replacen(right, wrong, 1);
        assert_ne!(map, MAP);
        assert_eq!(said(&map, SCEN), message);
    }
    let (_folder, mut args) = files(MAP, SCEN);
    args.map = PathBuf::from("/nowhere/at.map");
    assert!(run(args).unwrap_err().to_string().starts_with("/nowhere/at.map: "));
}

#[test]
fn what_is_wrong_with_a_problem_is_said_with_its_line() {
    let cases = [
        ("version 1", "version 2", "/m.map.scen:1: `version 2` in place of `version 1`"),
        ("\t7\t5\t0\t4", "\t8\t5\t0\t4", "/m.map.scen:4: made for a map of 8 x 5, and this one is 7 x 5"),
        ("\t6\t4\t14", "\t7\t4\t14", "/m.map.scen:4: goal (7, 4) is off the map of 7 x 5"),
        ("\t0\t4\t6\t4", "\t1\t4\t6\t4", "/m.map.scen:4: start (1, 4) is on a wall"),
        ("\t6\t4\t14", "\t6\t4", "/m.map.scen:4: 8 fields between tabs, not 9"),
        ("\t6\t4\t14", "\t-6\t4\t14", "/m.map.scen:4: goal x `-6`: not a whole number"),
        ("\t6\t4\t14", "\t6\t4\tnan", "/m.map.scen:4: length `nan`: not a number from 0 on"),
    ];
    for (right, wrong, message) in cases {
        let scen = SCEN.replacen(right, wrong, 1);
        assert_ne!(scen, SCEN);
        assert_eq!(said(MAP, &scen), message);
    }
    assert_eq!(said(MAP, "version 1\n"), "/m.map.scen: no problems");
    assert_eq!(said(MAP, ""), "/m.map.scen:1: the file ends here in place of `version 1`");
}

/// The benchmark's own maps: every length is the optimum.
#[test]
fn every_length_on_the_benchmark_maps_is_the_optimum() {
    let Some(data) = std::env::var_os("OUTRIDER_DATA") else {
        eprintln!("skipped: OUTRIDER_DATA is not set");
        return;
    };
    let folder = Path::new(&data).join("planner");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut maps: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    maps.retain(|path| path.extension().is_some_and(|extension| extension == "map"));
    maps.sort();
    assert!(!maps.is_empty(), "no maps in {}", folder.display());
    for map in maps {
        let scen = PathBuf::from(format!("{}.scen", map.display()));
        let args = Args { map: map.clone(), scen, bucket: None, expansion_limit: 20_000_000, json: false };
        assert_eq!(run(args).unwrap(), ExitCode::SUCCESS, "{}", map.display());
    }
}
