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
    assert_eq!((config.cache.disk_bytes, &config.cache.disk_folder), (10 << 30, &None));
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

const TOKEN: &str = "7654321098:AAEq7ZkT3vNw9RjXc2LmPb8HsDf5GyUo4Vi1";

/// Settings of bots; `{n}` in a token is its slot.
fn bots(slots: &[(u8, &str, &str)]) -> Source {
    slots.iter().fold(Source::default(), |source, (slot, token, channel)| {
        source.with(&format!("TELEGRAM_BOT_TOKEN_{slot}"), token).with(&format!("TELEGRAM_CHANNEL_ID_{slot}"), channel)
    })
}

#[test]
fn bots_may_leave_gaps_and_want_two_copies() {
    let other = TOKEN.replace("7654321098", "7654321099");
    let config = Config::load(&bots(&[(2, TOKEN, "-1001987654320"), (7, &other, "-1001987654321")])).unwrap();
    let slots: Vec<_> = config.telegram.bots.iter().map(|bot| (bot.slot, bot.channel.0)).collect();
    assert_eq!(slots, [(2, -1_001_987_654_320), (7, -1_001_987_654_321)]);
    assert_eq!(config.storage.replicas, 2);
    let one = Config::load(&bots(&[(8, TOKEN, "-1001987654320")])).unwrap();
    assert_eq!(one.storage.replicas, 1, "two copies need two channels");
}

#[test]
fn two_packs_for_each_bot_are_sent_at_the_same_time_and_four_at_least() {
    let with = |count: u8| {
        let tokens: Vec<String> =
            (1..=count).map(|slot| TOKEN.replace("7654321098", &format!("765432109{slot}"))).collect();
        let channels: Vec<String> = (1..=count).map(|slot| format!("-100198765432{slot}")).collect();
        let slots: Vec<(u8, &str, &str)> = (1..=count)
            .zip(&tokens)
            .zip(&channels)
            .map(|((slot, token), channel)| (slot, token.as_str(), channel.as_str()))
            .collect();
        bots(&slots)
    };
    let shown = |source: Source| {
        let config = Config::load(&source).unwrap();
        let line = config.report().iter().find(|line| line.name == "UPLOAD_PARALLELISM").unwrap().clone();
        assert_eq!(line.value, config.telegram.upload_parallelism.to_string());
        (config.telegram.upload_parallelism, line.origin)
    };
    for (bots, parallel) in [(0, 4), (1, 4), (2, 4), (3, 6), (8, 16)] {
        assert_eq!(shown(with(bots).with("UPLOAD_PARALLELISM", "")), (parallel, Origin::Default), "{bots} bots");
    }
    assert_eq!(shown(with(8).with("UPLOAD_PARALLELISM", "1")), (1, Origin::Environment));
    assert_eq!(shown(with(1).with("UPLOAD_PARALLELISM", "16")), (16, Origin::Environment));
    for bad in ["0", "33", "many"] {
        fault_of("UPLOAD_PARALLELISM", bad);
    }
}

#[test]
fn a_channel_takes_1_to_3000_messages_a_minute() {
    let messages = |text| {
        Config::load(&Source::default().with("TELEGRAM_MESSAGES_PER_MINUTE", text))
            .unwrap()
            .telegram
            .messages_per_minute
    };
    assert_eq!([messages(""), messages("1"), messages("3000")], [20, 1, 3000]);
    for bad in ["0", "3001", "-1", "20.5", "fast"] {
        fault_of("TELEGRAM_MESSAGES_PER_MINUTE", bad);
    }
}

#[test]
fn a_token_is_shown_nowhere() {
    let config = Config::load(&bots(&[(1, TOKEN, "-1001987654320")])).unwrap();
    let line = config.report().iter().find(|line| line.name == "TELEGRAM_BOT_TOKEN_1").unwrap();
    assert_eq!(line.value, "********");
    assert!(!format!("{config:?}").contains("AAEq7ZkT"));
    let broken = TOKEN.replace("AAE", "AA E");
    let faults = faults_of(&bots(&[(1, &broken, "-1001987654320")]));
    assert!(!format!("{faults:?}").contains("q7ZkT"), "{faults:?}");
}

#[test]
fn placeholders_halves_and_doubles_are_refused_by_name() {
    let other = TOKEN.replace("7654321098", "7654321099");
    let cases: [(Source, &str, &str); 7] = [
        (bots(&[(1, "your-bot-token", "-1001987654320")]), "TELEGRAM_BOT_TOKEN_1", "placeholder"),
        (bots(&[(3, TOKEN, "your_channel_id")]), "TELEGRAM_CHANNEL_ID_3", "placeholder"),
        (bots(&[(1, TOKEN, "@films")]), "TELEGRAM_CHANNEL_ID_1", "not the id of a channel"),
        (bots(&[(1, TOKEN, "")]), "TELEGRAM_CHANNEL_ID_1", "its channel is not"),
        (bots(&[(4, "", "-1001987654320")]), "TELEGRAM_BOT_TOKEN_4", "its bot is not"),
        (
            bots(&[(1, TOKEN, "-1001987654320"), (2, TOKEN, "-1001987654321")]),
            "TELEGRAM_BOT_TOKEN_2",
            "TELEGRAM_BOT_TOKEN_1 again",
        ),
        (
            bots(&[(1, TOKEN, "-1001987654320"), (5, &other, "-1001987654320")]),
            "TELEGRAM_CHANNEL_ID_5",
            "TELEGRAM_CHANNEL_ID_1 again",
        ),
    ];
    for (source, name, words) in cases {
        let faults = faults_of(&source);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].name == name && faults[0].wrong.contains(words), "{faults:?}");
    }
}

#[test]
fn examples_of_the_right_shape_are_refused_by_name() {
    let secrets = [
        "x".repeat(35),
        "AAEyourtoken0000000000000000000000".to_owned(),
        "THIS_IS_AN_EXAMPLE_OF_A_BOT_TOKEN_1".to_owned(),
        "AA-placeholder-AA-placeholder-AA-00".to_owned(),
        "changemechangemechangemechangeme00".to_owned(),
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw".to_owned(),
        "ABC-DEF1234ghIkl-zyx57W2v1u123ew11".to_owned(),
        "AAFD39kkdpWt3ywyRZergyOLMaJhac60qc".to_owned(),
    ];
    for secret in secrets {
        let faults = faults_of(&bots(&[(2, &format!("1234567890:{secret}"), "-1001987654320")]));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].name == "TELEGRAM_BOT_TOKEN_2" && faults[0].wrong.contains("placeholder"), "{faults:?}");
        assert!(!format!("{faults:?}").contains(&secret), "{faults:?}");
    }
    let faults = faults_of(&bots(&[(6, TOKEN, "-1001234567890")]));
    assert!(faults[0].name == "TELEGRAM_CHANNEL_ID_6" && faults[0].wrong.contains("placeholder"), "{faults:?}");
    assert!(Config::load(&bots(&[(1, "7654321098:AAEq7ZkT3vNw9RjXcYoUrPb8HsDf5GyUo4", "-1001987654320")])).is_ok());
}

#[test]
fn more_copies_than_channels_and_packs_that_bots_cannot_read_are_refused() {
    let one = bots(&[(1, TOKEN, "-1001987654320")]);
    let faults = faults_of(&one.clone().with("REPLICAS", "2"));
    assert!(faults[0].name == "REPLICAS" && faults[0].wrong.contains("2 copies need 2 channels"), "{faults:?}");
    let large = one.with("TELEGRAM_MAX_FILE_SIZE", "50MiB");
    assert_eq!(faults_of(&large)[0].name, "TELEGRAM_MAX_FILE_SIZE");
    assert!(Config::load(&large.with("TELEGRAM_API_URL", "http://127.0.0.1:8081")).is_ok());
    assert_eq!(fault_of("TELEGRAM_API_URL", "https://user:pass@example.org").name, "TELEGRAM_API_URL");
}
