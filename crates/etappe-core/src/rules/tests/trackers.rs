//! Every event name in the trackers' documentation and its expected milestone.

use super::{EventKind, SHIPPED, event, meaning, page, track};

/// One row: a milestone, and names separated by `|`.
type Row = (&'static str, &'static str);

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (expected, names) in rows {
        for name in names.split('|').map(str::trim) {
            let found = meaning(&SHIPPED, &track(name, "{}"));
            if found != *expected {
                wrong.push(format!("{name}: {found}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[rustfmt::skip]
const SEGMENT_AND_RUDDERSTACK_NAMES: &[Row] = &[
    ("visit", "Application Opened | Deep Link Opened | Application Became Active | Application Foregrounded"),
    ("impression", "Promotion Viewed | Email Opened | Push Notification Received"),
    ("content_view", "Product List Viewed | Product Viewed | Viewed Product Category | Viewed Product"),
    ("search", "Products Searched"),
    ("compare", "Product List Filtered"),
    ("engage", "Promotion Clicked | Product Clicked | Coupon Entered | Coupon Applied | Email Link Clicked | Push Notification Tapped | Deep Link Clicked | Video Playback Started | Video Playback Completed | Video Content Completed"),
    ("save_for_later", "Product Added to Wishlist"),
    ("add_to_cart", "Product Added | Wishlist Product Added to Cart | Added Product"),
    ("cart_remove", "Product Removed | Removed Product"),
    ("cart_view", "Cart Viewed"),
    ("checkout_start", "Checkout Started | Started Order"),
    ("purchase", "Order Completed"),
    ("checkout_progress", "Checkout Step Viewed | Checkout Step Completed | Payment Info Entered | Checkout Address Info Submitted | Checkout Contact Info Submitted | Checkout Shipping Info Submitted | Payment Info Submitted"),
    ("refund", "Order Refunded"),
    ("order_cancel", "Order Cancelled | Order Canceled | order_canceled"),
    ("share", "Product Shared | Cart Shared"),
    ("review", "Product Reviewed"),
    ("signup", "Signed Up | Account Created"),
    ("login", "Signed In"),
    ("invite_sent", "Invite Sent"),
    ("invite_accepted", "Account Added User"),
    ("trial_start", "Trial Started"),
    ("trial_end", "Trial Ended"),
    ("cancel", "Account Deleted"),
    ("unsubscribe", "Unsubscribed | Email Marked as Spam"),
    ("support_request", "Live Chat Conversation Started"),
    ("support_resolved", "Live Chat Conversation Ended"),
    ("app_install", "Application Installed"),
    ("uninstall", "Application Uninstalled"),
    ("exit", "Application Backgrounded"),
    ("friction", "Coupon Denied | Application Crashed"),
    ("none", "Install Attributed | Order Updated | Coupon Removed | Product Removed from Wishlist | Signed Out | Account Removed User"),
    ("none", "Email Delivered | Email Bounced | Push Notification Bounced | Application Updated | Experiment Viewed"),
    ("none", "Live Chat Message Sent | Live Chat Message Received"),
    ("none", "Video Playback Paused | Video Playback Resumed | Video Content Started | Video Content Playing | Video Ad Started | Video Ad Playing | Video Ad Completed | Video Quality Updated | video playback seek started | Video Something New"),
    // Aliases of the first version.
    ("impression", "Viewed Promotion"),
    ("engage", "Clicked Promotion | Clicked Product"),
    ("checkout_progress", "Viewed Checkout Step | Completed Checkout Step"),
    ("none", "Updated Order"),
];

#[test]
fn segment_and_rudderstack_names() {
    check(SEGMENT_AND_RUDDERSTACK_NAMES);
}

#[rustfmt::skip]
const GA4_AND_FIREBASE_NAMES: &[Row] = &[
    ("visit", "page_view | screen_view | session_start | first_visit | dynamic_link_first_open | dynamic_link_app_open"),
    ("app_install", "first_open"),
    ("uninstall", "app_remove"),
    ("impression", "view_promotion | notification_receive | firebase_in_app_message_impression"),
    ("content_view", "view_item | view_item_list"),
    ("search", "search | view_search_results"),
    ("engage", "select_item | select_content | select_promotion | click | file_download | scroll | video_start | video_complete | notification_open | firebase_in_app_message_action"),
    ("save_for_later", "add_to_wishlist"),
    ("add_to_cart", "add_to_cart"),
    ("cart_remove", "remove_from_cart"),
    ("cart_view", "view_cart"),
    ("checkout_start", "begin_checkout"),
    ("checkout_progress", "add_shipping_info | add_payment_info"),
    ("purchase", "purchase | close_convert_lead | app_store_subscription_convert | in_app_purchase"),
    ("renewal", "app_store_subscription_renew"),
    ("cancel", "app_store_subscription_cancel"),
    ("refund", "refund | app_store_refund"),
    ("lead", "generate_lead"),
    ("lead_qualified", "working_lead | qualify_lead"),
    ("lead_lost", "disqualify_lead | close_unconvert_lead"),
    ("engage", "form_submit"),
    ("signup", "sign_up"),
    ("login", "login"),
    ("share", "share"),
    ("onboarding_start", "tutorial_begin"),
    ("onboarding_complete", "tutorial_complete"),
    ("feature_use", "join_group | level_start | level_end | level_up | post_score | unlock_achievement | earn_virtual_currency | spend_virtual_currency"),
    ("friction", "app_exception | exception | error"),
    ("none", "user_engagement | form_start | video_progress | notification_dismiss | notification_foreground | notification_send | app_update | os_update | app_clear_data | campaign_details | firebase_campaign | dynamic_link_app_update | firebase_in_app_message_dismiss"),
    ("none", "ad_click | ad_impression | ad_query | ad_exposure | adunit_exposure | ad_reward"),
];

#[test]
fn ga4_and_firebase_names() {
    check(GA4_AND_FIREBASE_NAMES);
}

#[rustfmt::skip]
const SNOWPLOW_NAMES: &[Row] = &[
    ("visit", "pv | screen_view | application_foreground | deep_link_received"),
    ("purchase", "tr"),
    ("engage", "se | link_click | button_click | play_event | end_event | submit_form | social_interaction"),
    ("add_to_cart", "add_to_cart"),
    ("cart_remove", "remove_from_cart"),
    ("search", "site_search"),
    ("app_install", "application_install"),
    ("exit", "application_background"),
    ("none", "pp | ti | focus_form | change_form | create_element | obscure_element | destroy_element | ad_conversion | expose_element"),
    ("none", "ready_event | pause_event | seek_start_event | ping_event | percent_progress_event | error_event | ad_start_event | ad_click_event | ad_break_end_event"),
];

#[test]
fn snowplow_names() {
    check(SNOWPLOW_NAMES);
}

#[rustfmt::skip]
const POSTHOG_MIXPANEL_AND_AMPLITUDE_NAMES: &[Row] = &[
    ("visit", "$pageview | $screen | $mp_web_page_view | [Amplitude] Page Viewed | Page viewed | [Amplitude] Screen Viewed | session_start | Session Started | [Amplitude] Start Session | $ae_session | $app_open | [Amplitude] Application Opened | [Amplitude] Deep Link Opened"),
    ("app_install", "[Amplitude] Application Installed | $ae_first_open"),
    ("exit", "session_end | Session Ended | [Amplitude] End Session | [Amplitude] Application Backgrounded"),
    ("engage", "[Amplitude] File Downloaded | File Downloaded | product tour completed"),
    ("engage", "$mp_submit | [Amplitude] Form Submitted | Form Submitted"),
    ("feedback", "survey sent | $ai_feedback"),
    ("feature_use", "$feature_interaction | $feature_enrollment_update"),
    ("purchase", "revenue_amount"),
    ("friction", "$rageclick | $dead_click | $exception | $mp_rage_click | $mp_dead_click | $ae_crashed"),
    ("none", "$pageleave | $mp_page_leave"),
    ("none", "$autocapture | $mp_click | $mp_input_change | $mp_scroll | Element Clicked | Element Changed"),
    ("none", "survey shown | survey dismissed | survey abandoned | $feature_view | $feature_flag_called | product tour shown | product tour dismissed | product tour step shown"),
    ("none", "$identify | $set | $groupidentify | $create_alias | $merge | $merge_dangerously | $opt_in | $ae_updated | [Amplitude] Application Updated | Form Started | [Amplitude] Form Started | $copy_autocapture | $$heatmap | $web_vitals"),
    ("none", "$ai_generation | $ai_trace | $ai_span | $ai_embedding | $ai_metric | $ai_evaluation | [Amplitude] Network Request"),
    // PostHog's mobile names in the spelling of its taxonomy file.
    ("visit", "Application opened"),
    ("exit", "Application backgrounded"),
];

#[test]
fn posthog_mixpanel_and_amplitude_names() {
    check(POSTHOG_MIXPANEL_AND_AMPLITUDE_NAMES);
}

#[rustfmt::skip]
const PLAUSIBLE_SHOPIFY_AND_META_NAMES: &[Row] = &[
    ("visit", "pageview | page_viewed | PageView"),
    ("content_view", "product_viewed | collection_viewed | ViewContent"),
    ("search", "search_submitted | Search"),
    ("compare", "CustomizeProduct"),
    ("save_for_later", "AddToWishlist"),
    ("engage", "Outbound Link: Click | File Download | FindLocation"),
    ("engage", "Form: Submission | form_submitted"),
    ("add_to_cart", "product_added_to_cart | AddToCart"),
    ("cart_remove", "product_removed_from_cart"),
    ("cart_view", "cart_viewed"),
    ("checkout_start", "checkout_started | InitiateCheckout"),
    ("checkout_progress", "checkout_contact_info_submitted | checkout_address_info_submitted | checkout_shipping_info_submitted | payment_info_submitted | AddPaymentInfo"),
    ("purchase", "checkout_completed | Purchase | Donate | Subscribe"),
    ("lead", "Lead | Contact | Schedule | SubmitApplication"),
    ("signup", "CompleteRegistration"),
    ("trial_start", "StartTrial"),
    ("friction", "404 | alert_displayed"),
    ("none", "engagement | ui_extension_errored | clicked | input_focused | input_blurred | input_changed | advanced_dom_clicked"),
];

#[test]
fn plausible_shopify_and_meta_names() {
    check(PLAUSIBLE_SHOPIFY_AND_META_NAMES);
}

#[rustfmt::skip]
const NAMES_OF_ONE_TRACKER_IN_ANOTHER_SPELLING: &[Row] = &[
    // A free newsletter often has this name; only Meta's exact spelling is the paid subscription.
    ("unknown", "subscribe | SUBSCRIBE | contact | schedule | lead | donate"),
    // In PostHog it is the respondent who sends a survey.
    ("unknown", "Survey Sent | survey_sent"),
];

#[test]
fn ambiguous_words_count_only_in_their_own_trackers_spelling() {
    check(NAMES_OF_ONE_TRACKER_IN_ANOTHER_SPELLING);
}

#[rustfmt::skip]
const NAMES_OF_THE_DATA_SETS_THAT_NEED_NO_MAPPING: &[Row] = &[
    ("purchase", "purchase"),
    ("content_view", "product_view"),
    ("add_to_cart", "add_to_cart"),
    ("search", "search"),
    ("compare", "compare"),
    ("support_request", "support_chat"),
];

#[test]
fn names_of_the_data_sets_that_need_no_mapping() {
    check(NAMES_OF_THE_DATA_SETS_THAT_NEED_NO_MAPPING);
}

/// One case: expected milestone, name, properties.
type Case = (&'static str, &'static str, &'static str);

fn check_values(cases: &[Case]) {
    for (expected, name, properties) in cases {
        let found = meaning(&SHIPPED, &track(name, properties));
        assert_eq!(found, *expected, "{name} {properties}");
    }
}

#[rustfmt::skip]
const VALUES_OF_PROPERTIES_DECIDE: &[Case] = &[
    ("trial_start", "in_app_purchase", r#"{"free_trial":true}"#),
    ("trial_start", "in_app_purchase", r#"{"free_trial":1}"#),
    ("trial_start", "in_app_purchase", r#"{"free_trial":"1"}"#),
    ("trial_start", "in_app_purchase", r#"{"free_trial":"true"}"#),
    ("purchase", "in_app_purchase", r#"{"free_trial":false}"#),
    ("purchase", "in_app_purchase", r#"{"free_trial":0}"#),
    ("checkout_start", "Checkout Step Viewed", r#"{"step":1}"#),
    ("checkout_start", "viewed_checkout_step", r#"{"step":"1"}"#),
    ("checkout_progress", "Checkout Step Viewed", r#"{"step":2}"#),
    ("checkout_progress", "Checkout Step Completed", r#"{"step":1}"#),
    ("refund", "revenue_amount", r#"{"$revenue":-5.5}"#),
    ("purchase", "revenue_amount", r#"{"$revenue":"5.5"}"#),
    ("impression", "ad_impression", r#"{"impressionId":"x"}"#),
    ("engage", "ad_click", r#"{"clickId":"x"}"#),
    ("impression", "expose_element", r#"{"element_name":"Spring promo"}"#),
    ("share", "social_interaction", r#"{"action":"Retweet"}"#),
    ("share", "social_interaction", r#"{"action":"share"}"#),
    ("engage", "social_interaction", r#"{"action":"like"}"#),
    ("purchase", "Order Completed", r#"{"orderId":7}"#),
    ("purchase", "checkout_completed", r#"{"checkout":{"totalPrice":{"amount":5}}}"#),
];

#[test]
fn values_of_properties_decide() {
    check_values(VALUES_OF_PROPERTIES_DECIDE);
}

const NAME: &str = "snowplow_ecommerce_action";

#[rustfmt::skip]
const ECOMMERCE_ACTIONS: &[Case] = &[
    ("content_view", NAME, r#"{"type":"product_view"}"#),
    ("content_view", NAME, r#"{"type":"list_view"}"#),
    ("engage", NAME, r#"{"type":"list_click"}"#),
    ("engage", NAME, r#"{"type":"promo_click"}"#),
    ("impression", NAME, r#"{"type":"promo_view"}"#),
    ("add_to_cart", NAME, r#"{"type":"add_to_cart"}"#),
    ("cart_remove", NAME, r#"{"type":"remove_from_cart"}"#),
    ("purchase", NAME, r#"{"type":"transaction"}"#),
    ("refund", NAME, r#"{"type":"refund"}"#),
    ("payment_failed", NAME, r#"{"type":"trns_error"}"#),
    ("checkout_start", NAME, r#"{"type":"checkout_step","checkout_step":{"step":1}}"#),
    ("checkout_start", NAME, r#"{"type":"checkout_step","step":1}"#),
    ("checkout_progress", NAME, r#"{"type":"checkout_step","checkout_step":{"step":2}}"#),
    ("checkout_progress", NAME, r#"{"type":"checkout_step"}"#),
    ("unknown", NAME, r#"{"type":"something_new"}"#),
    ("add_to_cart", "se", r#"{"se_ca":"shop","se_ac":"Add to cart"}"#),
    ("engage", "se", r#"{"se_ca":"newsletter","se_ac":"click"}"#),
    ("subscribe", "se", r#"{"se_ca":"newsletter","se_ac":"subscribed"}"#),
    ("purchase", "se", r#"{"se_ca":"order","se_ac":"completed"}"#),
    ("engage", "se", r#"{"se_ca":"order","se_ac":"failed"}"#),
    ("engage", "se", r#"{"se_ca":"purchase","se_ac":"failed"}"#),
    ("engage", "se", r#"{"se_ca":"purchase","se_ac":"started"}"#),
    ("engage", "se", r#"{"se_ca":"menu","se_ac":"open"}"#),
];

#[test]
fn snowplow_ecommerce_actions() {
    check_values(ECOMMERCE_ACTIONS);
}

#[rustfmt::skip]
const MATOMO_REQUESTS: &[Row] = &[
    ("none", r#"{"ping":1,"idgoal":0,"ec_id":"1"}"#),
    ("none", r#"{"cra":"TypeError","ca":1}"#),
    ("none", r#"{"recMode":"1"}"#),
    ("purchase", r#"{"idgoal":0,"ec_id":"A1","revenue":20}"#),
    ("purchase", r#"{"idgoal":"0","ec_id":"A1"}"#),
    ("add_to_cart", r#"{"idgoal":"0","revenue":"20"}"#),
    ("purchase", r#"{"idgoal":3,"revenue":12.5}"#),
    ("lead", r#"{"idgoal":3,"revenue":0}"#),
    ("lead", r#"{"idgoal":"3"}"#),
    ("search", r#"{"search":"shoes","search_count":0}"#),
    ("engage", r#"{"link":"https://x.example"}"#),
    ("engage", r#"{"download":"https://x.example/a.pdf"}"#),
    ("engage", r#"{"c_n":"Banner","c_i":"click"}"#),
    ("engage", r#"{"ma_id":"abc"}"#),
    ("impression", r#"{"c_n":"Banner"}"#),
    ("engage", r#"{"e_c":"Footer","e_a":"Newsletter"}"#),
    ("subscribe", r#"{"e_c":"Newsletter","e_a":"Signup"}"#),
    ("signup", r#"{"e_c":"Footer","e_a":"Signup"}"#),
    ("add_to_cart", r#"{"e_c":"shop","e_a":"Add to cart","e_n":"Table lamp"}"#),
    ("engage", r#"{"e_c":"Purchase","e_a":"Failed"}"#),
    ("engage", r#"{"e_c":"Button","e_a":"Order completed"}"#),
    ("search", r#"{"e_c":"Footer","e_a":"Zoeken"}"#),
    ("lead", r#"{"e_c":"Contact form","e_a":"submit"}"#),
    ("engage", r#"{"e_c":"Contact form","e_a":"click"}"#),
    ("engage", r#"{"e_c":"Menu","e_a":"click","e_n":"inloggen"}"#),
    ("login", r#"{"e_c":"Menu","e_a":"account","e_n":"inloggen"}"#),
    ("engage", r#"{"e_c":"Menu","e_a":"open"}"#),
    ("content_view", r#"{"_pks":"sku-1"}"#),
    ("content_view", r#"{"_pkn":"Shoe"}"#),
    ("content_view", r#"{"_pkc":"Shoes"}"#),
    ("visit", r#"{"url":"https://x.example/product/1"}"#),
];

#[test]
fn matomo_requests_are_recognised_by_their_parameters() {
    let context = r#"{"library":{"version":"5","name":"matomo"}}"#;
    for (expected, properties) in MATOMO_REQUESTS {
        let request = event(EventKind::Track, "request", properties, context);
        assert_eq!(meaning(&SHIPPED, &request), *expected, "{properties}");
    }
    let of_another_tracker = track("request", r#"{"search":"shoes","link":"x"}"#);
    assert_eq!(meaning(&SHIPPED, &of_another_tracker), "unknown");
    let view = page(r#"{"url":"https://x.example/product/1"}"#, context);
    assert_eq!(meaning(&SHIPPED, &view), "content_view");
    let product = page(r#"{"url":"https://x.example/x","_pks":"1"}"#, context);
    assert_eq!(meaning(&SHIPPED, &product), "content_view");
}

#[test]
fn plausible_revenue_makes_a_purchase() {
    let context = r#"{"library":{"name":"plausible"}}"#;
    for (expected, properties) in [
        ("purchase", r#"{"revenue":12.5,"currency":"EUR"}"#),
        (
            "purchase",
            r#"{"revenue":{"amount":"12.50","currency":"EUR"}}"#,
        ),
        ("refund", r#"{"revenue":-12.5}"#),
        ("refund", r#"{"revenue":{"amount":-1,"currency":"EUR"}}"#),
        ("unknown", "{}"),
    ] {
        let custom = event(EventKind::Track, "Wedding cake", properties, context);
        assert_eq!(meaning(&SHIPPED, &custom), expected, "{properties}");
    }
    for (expected, name) in [
        ("unknown", "Purchase failed"),
        ("unknown", "Purchase button clicked"),
        ("checkout_start", "Checkout Started"),
        ("add_to_cart", "Add to cart"),
        ("refund", "Refund"),
        ("unknown", "Aankoop mislukt"),
        ("purchase", "Purchase"),
    ] {
        let custom = event(EventKind::Track, name, r#"{"revenue":12.5}"#, context);
        assert_eq!(meaning(&SHIPPED, &custom), expected, "{name}");
    }
    let of_another_tracker = track("Wedding cake", r#"{"revenue":12.5}"#);
    assert_eq!(meaning(&SHIPPED, &of_another_tracker), "unknown");
}

#[rustfmt::skip]
const ADDRESSES: &[Row] = &[
    ("content_view", "https://shop.example/product/shoe"),
    ("content_view", "https://shop.example/products/shoe/?variant=1#top"),
    ("content_view", "https://shop.example/P/12"),
    ("content_view", "https://shop.example/pricing/"),
    ("content_view", "https://shop.example/tarieven"),
    ("content_view", "https://shop.example/prijzen?utm_source=x"),
    ("content_view", "https://shop.example/blog/een-bericht"),
    ("content_view", "https://shop.example/nieuws/2024/x"),
    ("visit", "https://shop.example/blog"),
    ("search", "https://shop.example/?s=shoe"),
    ("search", "https://shop.example/search?page=2&q=shoe"),
    ("search", "https://shop.example/x?ZOEK=schoen"),
    ("visit", "https://shop.example/?q="),
    ("visit", "https://shop.example/?sq=1"),
    ("compare", "https://shop.example/compare-plans"),
    ("compare", "https://shop.example/vergelijk/a/b"),
    ("subscribe", "https://shop.example/nieuwsbrief/bedankt"),
    ("lead", "https://shop.example/contact/bedankt"),
    ("lead", "https://shop.example/offerte/bedankt/"),
    ("lead", "https://shop.example/contact/thank-you"),
    ("visit", "https://shop.example/thank-you"),
    ("visit", "https://shop.example/welcome"),
    ("visit", "https://shop.example/welkom"),
    ("checkout_start", "https://shop.example/checkout"),
    ("checkout_start", "https://shop.example/afrekenen"),
    ("checkout_start", "https://shop.example/kassa"),
    ("purchase", "https://shop.example/order-received/123/?key=x"),
    ("purchase", "https://shop.example/bestelling/bedankt"),
    ("visit", "https://shop.example/support"),
    ("visit", "https://shop.example/klantenservice"),
    ("visit", "https://shop.example"),
    ("visit", "https://shop.example/over-ons"),
];

#[test]
fn a_page_view_gets_its_meaning_from_its_address() {
    for (expected, url) in ADDRESSES {
        let properties = serde_json::json!({"url": url}).to_string();
        let context = serde_json::json!({"page": {"url": url}}).to_string();
        let by_name = |key: &str| serde_json::json!({key: url}).to_string();
        assert_eq!(
            meaning(&SHIPPED, &page(&properties, "{}")),
            *expected,
            "{url}"
        );
        assert_eq!(
            meaning(&SHIPPED, &page("{}", &context)),
            *expected,
            "context {url}"
        );
        for (name, key) in [
            ("page_view", "page_location"),
            ("$pageview", "$current_url"),
            ("pageview", "url"),
            ("PageView", "url"),
            ("pv", "url"),
            ("[Amplitude] Page Viewed", "url"),
        ] {
            let properties = by_name(key);
            assert_eq!(
                meaning(&SHIPPED, &track(name, &properties)),
                *expected,
                "{name} {url}"
            );
        }
    }
}

#[rustfmt::skip]
const PAGES: &[Case] = &[
    ("content_view", r#"{"path":"/product/1","url":"https://x.example/other"}"#, "{}"),
    ("search", r#"{"path":"/x","search":"?q=shoe"}"#, "{}"),
    ("visit", r#"{"path":"/x","search":"shoe"}"#, "{}"),
    ("search", r#"{"path":"/x"}"#, r#"{"page":{"search":"?q=1"}}"#),
    ("content_view", "{}", r#"{"page":{"path":"/blog/a"}}"#),
    ("content_view", r#"{"name":"Product detail"}"#, "{}"),
    ("content_view", r#"{"name":"x","category":"Blog"}"#, "{}"),
    ("visit", r#"{"name":"Home","category":"Docs"}"#, "{}"),
    ("visit", "{}", "{}"),
];

#[test]
fn a_page_is_recognised_by_path_search_and_name_too() {
    for (expected, properties, context) in PAGES {
        assert_eq!(
            meaning(&SHIPPED, &page(properties, context)),
            *expected,
            "{properties} {context}"
        );
    }
    let screen = event(EventKind::Screen, "screen", r#"{"name":"Pricing"}"#, "{}");
    assert_eq!(meaning(&SHIPPED, &screen), "content_view");
    let screen = event(EventKind::Screen, "screen", r#"{"name":"Settings"}"#, "{}");
    assert_eq!(meaning(&SHIPPED, &screen), "visit");
}

#[rustfmt::skip]
const FORMS_ARE_LEADS_ONLY_WHEN_THEIR_NAME_OR_PAGE_SAYS_SO: &[Case] = &[
    ("lead", "form_submit", r#"{"form_name":"Contact form"}"#),
    ("lead", "form_submit", r#"{"form_id":"offerte-aanvragen"}"#),
    ("lead", "submit_form", r#"{"formId":"bookDemo"}"#),
    ("lead", "Form: Submission", r#"{"path":"/contact"}"#),
    ("lead", "$mp_submit", r#"{"$current_url":"https://x.example/afspraak-maken"}"#),
    ("subscribe", "form_submitted", r#"{"form_id":"footer_newsletter"}"#),
    ("subscribe", "Form: Submission", r#"{"url":"https://x.example/nieuwsbrief"}"#),
    ("signup", "Form Submitted", r#"{"form_name":"Sign up"}"#),
    ("engage", "[Amplitude] Form Submitted", r#"{"form_name":"Filter"}"#),
    ("engage", "form_submit", r#"{"form_name":"Demographics"}"#),
    ("engage", "form_submit", r#"{"form_name":"Contact lens size"}"#),
    ("engage", "form_submit", r#"{"form_id":"newsletter-unsubscribe"}"#),
    ("engage", "form_submit", r#"{"form_name":"Cancel appointment"}"#),
    ("engage", "Form: Submission", r#"{"path":"/democracy"}"#),
    ("engage", "form_submit", "{}"),
];

#[test]
fn a_form_is_a_lead_only_if_its_name_or_page_says_so() {
    check_values(FORMS_ARE_LEADS_ONLY_WHEN_THEIR_NAME_OR_PAGE_SAYS_SO);
}

#[test]
fn identity_messages_have_no_milestone() {
    for kind in [EventKind::Identify, EventKind::Group, EventKind::Alias] {
        let message = event(kind, "purchase", r#"{"idgoal":0}"#, "{}");
        assert_eq!(meaning(&SHIPPED, &message), "unknown");
    }
}
