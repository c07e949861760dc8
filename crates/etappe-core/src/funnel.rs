//! Matchers that find the best attempt of every actor at a funnel.
