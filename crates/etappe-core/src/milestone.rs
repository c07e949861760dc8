//! The meaning of an event, independent of the tracker and the journey model.
//!
//! Vocabularies map event names to milestones; models map milestones to stages. No vocabulary
//! assigns the four milestones that need the actor's history.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! milestones {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A milestone of a journey; its name is the same in files, tables and answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Milestone { $($(#[$doc])* $variant,)* }

        impl Milestone {
            /// Every milestone, in the order of the enum.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the milestone's name, such as `add_to_cart`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl FromStr for Milestone {
            type Err = UnknownMilestone;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(UnknownMilestone(name.to_owned())),
                }
            }
        }
    };
}

/// The name is not that of a milestone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a milestone")]
pub struct UnknownMilestone(pub String);

milestones! {
    /// Our message was shown: an ad, banner, mail or push.
    Impression => "impression",
    /// Arrived, or a page or screen was shown.
    Visit => "visit",
    /// A visit after an earlier one (from the actor's history).
    ReturnVisit => "return_visit",
    /// Looked at a particular offer or piece of content.
    ContentView => "content_view",
    /// Searched inside the site or app.
    Search => "search",
    /// Weighed options: filtered, configured.
    Compare => "compare",
    /// A deliberate sign of interest, no details left.
    Engage => "engage",
    /// Opted in to a free stream such as a newsletter.
    Subscribe => "subscribe",
    /// Opted out of it again, or marked a message as spam.
    Unsubscribe => "unsubscribe",
    /// Left details, or asked for contact, a quote, an appointment.
    Lead => "lead",
    /// Sales found the lead worth pursuing.
    LeadQualified => "lead_qualified",
    /// Sales gave up the lead.
    LeadLost => "lead_lost",
    /// Asked for or was given a price.
    Quote => "quote",
    /// Asked for or saw a demonstration.
    Demo => "demo",
    /// Created an account.
    Signup => "signup",
    /// A trial began.
    TrialStart => "trial_start",
    /// A trial ended.
    TrialEnd => "trial_end",
    /// First start after the install.
    AppInstall => "app_install",
    /// The app was removed.
    Uninstall => "uninstall",
    /// First real value, as the site defines it.
    Activation => "activation",
    /// Set-up or tutorial begun.
    OnboardingStart => "onboarding_start",
    /// Set-up or tutorial finished.
    OnboardingComplete => "onboarding_complete",
    /// The product is being deployed at the customer's site.
    Implementation => "implementation",
    /// Was trained in using it.
    Training => "training",
    /// Put a product in the cart.
    AddToCart => "add_to_cart",
    /// Viewed the cart.
    CartView => "cart_view",
    /// Removed a product from the cart.
    CartRemove => "cart_remove",
    /// Saved a product on a wish list.
    SaveForLater => "save_for_later",
    /// Started the checkout.
    CheckoutStart => "checkout_start",
    /// A step inside the checkout.
    CheckoutProgress => "checkout_progress",
    /// A payment failed.
    PaymentFailed => "payment_failed",
    /// Signed a contract.
    Contract => "contract",
    /// Ordered or paid; once per order id.
    Purchase => "purchase",
    /// A purchase after an earlier one (from the actor's history).
    RepeatPurchase => "repeat_purchase",
    /// Paid again under a running contract.
    Renewal => "renewal",
    /// Changed to a more expensive plan.
    Upgrade => "upgrade",
    /// Changed to a cheaper plan.
    Downgrade => "downgrade",
    /// An order was cancelled.
    OrderCancel => "order_cancel",
    /// Money was paid back.
    Refund => "refund",
    /// Ended a contract or account.
    Cancel => "cancel",
    /// Used the product itself.
    FeatureUse => "feature_use",
    /// Logged in to an existing account.
    Login => "login",
    /// Asked for help.
    SupportRequest => "support_request",
    /// A support request was closed.
    SupportResolved => "support_resolved",
    /// Something went wrong for the person: an error, a rage click, a refused coupon.
    Friction => "friction",
    /// Goods or service were delivered.
    Delivery => "delivery",
    /// Gave feedback: a survey, a rating.
    Feedback => "feedback",
    /// Reviewed in public.
    Review => "review",
    /// Allowed us to quote them.
    Testimonial => "testimonial",
    /// Joined a loyalty scheme.
    LoyaltyJoin => "loyalty_join",
    /// Shared content, without a named invitation.
    Share => "share",
    /// A named invitation was sent.
    InviteSent => "invite_sent",
    /// A named invitation was used.
    InviteAccepted => "invite_accepted",
    /// A signup of somebody who was referred (from the actor's history).
    ReferredSignup => "referred_signup",
    /// A purchase of somebody who was referred (from the actor's history).
    ReferredPurchase => "referred_purchase",
    /// The visit ended.
    Exit => "exit",
}

impl Milestone {
    /// Returns whether this milestone can be derived only from the actor's history.
    #[must_use]
    pub const fn needs_history(self) -> bool {
        matches!(
            self,
            Self::ReturnVisit
                | Self::RepeatPurchase
                | Self::ReferredSignup
                | Self::ReferredPurchase
        )
    }
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Milestone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Milestone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_milestones_round_trip() {
        for milestone in Milestone::ALL {
            assert_eq!(milestone.as_str().parse(), Ok(*milestone));
        }
        assert!("bought".parse::<Milestone>().is_err());
    }
}
