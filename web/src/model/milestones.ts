/** The meanings that vocabularies give to events, in the order of a journey. */
export const MILESTONES = [
  "impression", "visit", "content_view", "search", "compare", "engage", "subscribe", "lead", "lead_qualified", "quote", "demo", "app_install",
  "signup", "trial_start", "activation", "onboarding_start", "onboarding_complete", "implementation", "training", "invite_accepted",
  "add_to_cart", "cart_view", "cart_remove", "save_for_later", "checkout_start", "checkout_progress", "payment_failed",
  "login", "feature_use", "delivery", "support_request", "support_resolved", "feedback", "loyalty_join",
  "purchase", "contract", "renewal", "upgrade", "downgrade", "refund", "order_cancel",
  "review", "testimonial", "share", "invite_sent",
  "friction", "exit", "unsubscribe", "uninstall", "trial_end", "cancel", "lead_lost",
] as const;
