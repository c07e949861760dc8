//! Stages, referrals and models.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Method;
use etappe_core::kpi::{
    ReferralFigures, StageFigure, StageFigures, TransitionFigure, TransitionKind,
};
use serde_json::{Value, json};

use crate::api::Api;
use crate::garden::at;
use crate::memory_store::MemoryStore;

fn stages() -> StageFigures {
    StageFigures {
        stages: vec![StageFigure {
            stage: "revenue".to_owned(),
            stock: 3,
            entered: 4,
            left: 1,
            dwell_p50_s: Some(3_600.0),
            dwell_p90_s: Some(7_200.0),
            open: 3,
        }],
        transitions: vec![
            TransitionFigure {
                from: None,
                to: "acquisition".to_owned(),
                kind: None,
                count: 5,
            },
            TransitionFigure {
                from: Some("acquisition".to_owned()),
                to: "revenue".to_owned(),
                kind: Some(TransitionKind::Skip),
                count: 2,
            },
        ],
        events: 40,
        unmapped: 10,
    }
}

#[tokio::test]
async fn every_stage_of_the_model_is_listed_in_order() {
    let api = Api::new(MemoryStore {
        stages: stages(),
        ..MemoryStore::default()
    });
    let answer = api
        .get("stages?model=aaarrr&from=2024-03-01&to=2024-04-01")
        .await
        .ok();
    assert_eq!(
        (&answer["unit"], &answer["model"]),
        (&json!("actor"), &json!("aaarrr"))
    );
    let stages = answer["stages"].as_array().unwrap();
    let ids: Vec<&str> = stages
        .iter()
        .map(|stage| stage["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "awareness",
            "acquisition",
            "activation",
            "retention",
            "revenue",
            "referral"
        ]
    );
    assert_eq!(
        stages[4],
        json!({
            "id": "revenue", "label": "Revenue", "gate": true, "stock": 3, "entered": 4, "left": 1,
            "dwell": {"p50_s": 3600.0, "p90_s": 7200.0, "open": 3},
        })
    );
    assert_eq!(
        stages[0]["dwell"],
        json!({"p50_s": null, "p90_s": null, "open": 0})
    );
    assert_eq!(
        answer["transitions"],
        json!([
            {"from": null, "to": "acquisition", "kind": null, "count": 5},
            {"from": "acquisition", "to": "revenue", "kind": "skip", "count": 2},
        ])
    );
    assert_eq!(
        (&answer["events"], &answer["unmapped"]),
        (&json!(40), &json!(10))
    );
    assert_eq!(answer["unmapped_share"], 0.25);
}

#[tokio::test]
async fn stages_are_available_as_csv() {
    let api = Api::new(MemoryStore {
        stages: stages(),
        ..MemoryStore::default()
    });
    let answer = api
        .send(
            Method::GET,
            "/v1/sites/demo/stages",
            Body::empty(),
            "text/csv",
        )
        .await;
    let lines: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,label,gate,stock,entered,left,dwell_p50_s,dwell_p90_s,dwell_open"
    );
    assert_eq!(lines[5], "revenue,Revenue,true,3,4,1,3600,7200,3");
}

fn referrals() -> MemoryStore {
    let figures = ReferralFigures {
        invitations: 30,
        inviters: 8,
        converted: 6,
        active_actors: 60,
        customers: 12,
        referred: 5,
        referred_activated: 3,
        viral_cycle_p50_s: Some(50.5),
        generations: vec![(1, 4), (2, 1)],
        advocates: vec![("bob".to_owned(), 3), ("=evil()".to_owned(), 2)],
    };
    MemoryStore {
        referrals: BTreeMap::from([(at("2024-02-29T23:00:00Z").as_millis(), figures)]),
        ..MemoryStore::default()
    }
}

#[tokio::test]
async fn referrals_state_counts_and_derived_rates() {
    let answer = Api::new(referrals())
        .get("referrals?from=2024-03-01&to=2024-04-01")
        .await
        .ok();
    assert_eq!(
        answer,
        json!({
            "unit": "actor",
            "timezone": "Europe/Amsterdam",
            "as_of": "2024-04-01T10:00:00.000Z",
            "from": "2024-02-29T23:00:00.000Z",
            "to": "2024-03-31T22:00:00.000Z",
            "invitations": 30,
            "inviters": 8,
            "converted": 6,
            "active_actors": 60,
            "customers": 12,
            "referred": 5,
            "referred_activated": 3,
            "k_factor": 0.1,
            "k_observed": 0.05,
            "referrals_per_customer": 5.0 / 12.0,
            "viral_cycle_time_s": {"p50": 50.5},
            "generations": [{"generation": 1, "actors": 4}, {"generation": 2, "actors": 1}],
            "advocates": [{"actor": "bob", "name": "Bob Boom", "referred": 3}, {"actor": "=evil()", "name": null, "referred": 2}],
        })
    );
}

#[tokio::test]
async fn a_site_without_referrals_gets_zeros_and_nulls() {
    let answer = Api::new(MemoryStore::default()).get("referrals").await.ok();
    for field in ["k_factor", "k_observed", "referrals_per_customer"] {
        assert_eq!(answer[field], Value::Null, "{field}");
    }
    assert_eq!(answer["viral_cycle_time_s"], json!({"p50": null}));
    assert_eq!(
        (&answer["invitations"], &answer["advocates"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn advocates_are_available_as_csv_without_formulas() {
    let path = "/v1/sites/demo/referrals?from=2024-03-01&to=2024-04-01";
    let answer = Api::new(referrals())
        .send(Method::GET, path, Body::empty(), "text/csv")
        .await;
    assert_eq!(
        answer.text,
        "actor,name,referred\r\nbob,Bob Boom,3\r\n'=evil(),,2\r\n"
    );
}

#[tokio::test]
async fn models_are_listed_with_their_stages() {
    let answer = Api::of_garden().get("models").await.ok();
    assert_eq!(answer["timezone"], "Europe/Amsterdam");
    let models = answer["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!(models[0]["id"], "aaarrr");
    assert_eq!(
        models[0]["labels"],
        json!({"en": "Pirate metrics", "nl": "Piratencijfers"})
    );
    assert_eq!(
        models[0]["stages"][3],
        json!({"id": "retention", "labels": {"en": "Retention", "nl": "Terugkomen"}, "tone": "return", "phrases": null, "gate": false, "own_hit": false, "ordinal": 4})
    );
    let problem = Api::of_garden().get("models?id=aaarrr").await.problem(422);
    assert_eq!(problem["errors"][0]["field"], "id");
}
