use super::{Config, Fault, Origin, Source};
use std::path::Path;
use std::time::Duration;

fn faults_of(source: &Source) -> Vec<Fault> {
    Config::load(source).expect_err("the configuration is wrong").0
}

/// The only fault of a configuration in which nothing but `name` is set.
fn fault_of(name: &str, value: &str) -> Fault {
    let mut faults = faults_of(&Source::default().with(name, value));
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

fn env_file(text: &str) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    std::fs::write(&path, text).unwrap();
    Source::default().with_env_file(&path).unwrap()
}

#[test]
fn an_empty_environment_is_a_whole_configuration() {
    let config = Config::load(&Source::default()).unwrap();
    assert!(config.server.host.is_loopback());
    assert_eq!(config.server.port, 5050);
    assert_eq!(config.server.cors, Vec::<String>::new());
    assert_eq!(config.storage.data_dir, Path::new("./data"));
    assert_eq!(config.storage.spool_max_bytes, 64 << 30);
    assert_eq!(config.storage.pack_max_bytes, 20 << 20);
    assert_eq!(config.storage.replicas, 1);
    assert_eq!(config.storage.trash_keep, Duration::from_secs(7 * 86400));
    assert_eq!(config.ingest.upload_max_bytes, 20 << 30);
    assert_eq!(config.ingest.segment_duration, Duration::from_secs(6));
    assert_eq!(config.ingest.preferred_encoder, None);
    assert_eq!(config.cache.memory_bytes, 256 << 20);
    assert!(config.report().iter().all(|line| line.origin == Origin::Default));
}

#[test]
fn every_fault_is_listed_at_once() {
    let source = Source::default().with("LOCAL_PORT", "http").with("REPLICAS", "9").with("FORCE_HTTPS", "perhaps");
    let names: Vec<_> = faults_of(&source).iter().map(|fault| fault.name).collect();
    assert_eq!(names, ["LOCAL_PORT", "FORCE_HTTPS", "REPLICAS"]);
    let text = Config::load(&source).unwrap_err().to_string();
    assert!(
        text.starts_with("the configuration has 3 faults:\n  LOCAL_PORT (environment): \"http\" is not a port; write ")
    );
}

#[test]
fn an_address_that_others_can_reach_is_refused_with_the_reason() {
    for host in ["0.0.0.0", "192.168.1.5", "::"] {
        assert!(fault_of("LOCAL_HOST", host).wrong.contains("no accounts yet"));
    }
    for host in ["127.0.0.1", "127.8.8.8", "::1", "localhost"] {
        assert!(Config::load(&Source::default().with("LOCAL_HOST", host)).is_ok(), "{host}");
    }
}

#[test]
fn sizes_are_bytes_or_have_a_unit() {
    let cache = |text| Config::load(&Source::default().with("CACHE_MEMORY_SIZE", text)).map(|c| c.cache.memory_bytes);
    assert_eq!(cache("1048576").unwrap(), 1 << 20);
    assert_eq!(cache("512MiB").unwrap(), 512 << 20);
    assert_eq!(cache("2 GiB").unwrap(), 2 << 30);
    for bad in ["512MB", "-1", "1.5GiB", "GiB", "0", "9223372036854775808", "99999999TiB"] {
        assert!(cache(bad).is_err(), "{bad}");
    }
}

#[test]
fn lengths_of_time_need_a_unit_and_segments_are_two_to_ten_seconds() {
    for good in ["2s", "10s"] {
        assert!(Config::load(&Source::default().with("HLS_SEGMENT_DURATION", good)).is_ok(), "{good}");
    }
    for bad in ["1s", "11s", "6", "6000ms", "1m", "18446744073709551615d"] {
        fault_of("HLS_SEGMENT_DURATION", bad);
    }
}

#[test]
fn origins_are_those_a_browser_would_send() {
    let source = Source::default().with("CORS_ALLOWED_ORIGINS", "https://a.example, http://localhost:8080");
    let listed = ["https://a.example".to_owned(), "http://localhost:8080".to_owned()];
    assert_eq!(Config::load(&source).unwrap().server.cors, listed.to_vec());
    for bad in ["https://a.example/", "a.example", "https://A.example", "https://a.example,*", "*", "null"] {
        fault_of("CORS_ALLOWED_ORIGINS", bad);
    }
}

#[test]
fn an_encoder_is_a_name_and_never_an_argument() {
    assert!(Config::load(&Source::default().with("PREFERRED_ENCODER", "nvenc")).is_ok());
    for bad in ["nvenc -y /etc/passwd", "-i", "libvpx", "NVENC"] {
        fault_of("PREFERRED_ENCODER", bad);
    }
}

#[test]
fn a_misspelt_log_level_is_a_fault_and_not_silence() {
    for good in ["warn", "info,telecine::cache=debug", "off"] {
        assert!(Config::load(&Source::default().with("LOG_LEVEL", good)).is_ok(), "{good}");
    }
    for bad in ["chatty", "info,debg", "telecine=loud"] {
        fault_of("LOG_LEVEL", bad);
    }
}

#[test]
fn the_spool_must_hold_the_largest_upload() {
    assert!(fault_of("SPOOL_MAX_SIZE", "1GiB").write.contains("MAX_UPLOAD_SIZE"));
    let both = Source::default().with("SPOOL_MAX_SIZE", "2GiB").with("MAX_UPLOAD_SIZE", "1GiB");
    assert!(Config::load(&both).is_ok());
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_value_is_none() {
    let source =
        env_file("LOCAL_PORT=6000\nREPLICAS=2\nLOG_FORMAT=json\n").with("LOCAL_PORT", "7000").with("REPLICAS", "");
    let config = Config::load(&source).unwrap();
    assert_eq!((config.server.port, config.storage.replicas), (7000, 2));
    let origin = |name| config.report().iter().find(|line| line.name == name).unwrap().origin;
    assert_eq!(origin("LOCAL_PORT"), Origin::Environment);
    assert_eq!(origin("LOG_FORMAT"), Origin::EnvFile);
    assert_eq!(origin("LOG_LEVEL"), Origin::Default);
}

#[test]
fn an_unreadable_line_is_located_but_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    std::fs::write(&path, "LOCAL_PORT=6000\nhush hush secret\n").unwrap();
    let error = Source::default().with_env_file(&path).unwrap_err().to_string();
    assert!(error.contains("after LOCAL_PORT") && !error.contains("secret"), "{error}");
}

#[test]
fn a_name_nobody_reads_is_reported() {
    assert_eq!(env_file("LOCAL_PROT=1\nLOCAL_PORT=2\n").unknown_names(), ["LOCAL_PROT"]);
}

#[test]
fn the_example_file_names_every_variable_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let text = std::fs::read_to_string(&path).unwrap();
    let source = Source::default().with_env_file(&path).unwrap();
    assert_eq!(source.unknown_names(), Vec::<&str>::new());

    let built_in = Config::load(&Source::default()).unwrap();
    let example = Config::load(&source).unwrap();
    let names: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    assert_eq!(
        names.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        built_in.report().iter().map(|line| line.name).collect::<Vec<_>>(),
    );
    for (ours, theirs) in built_in.report().iter().zip(example.report()) {
        assert_eq!(ours.value, theirs.value, "{}", ours.name);
    }
}
