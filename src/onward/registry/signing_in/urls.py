"""Addresses of signing in. Only these of django-allauth's exist: no sign-up, no mail, no reset."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path

from onward.registry.signing_in import signin_pages as pages

urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/code/", mfa.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("sign-in/start/", pages.start, name="account_start"),
    path("sign-in/closed/", account.account_inactive, name="account_inactive"),
    path("sign-in/again/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path(
        "sign-in/again/passkey/",
        webauthn.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("sign-out/", account.logout, name="account_logout"),
    path("account/", pages.security, name="account_security"),
    path("account/factors/", pages.security, name="mfa_index"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/app/add/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/passkeys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("account/passkeys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path(
        "account/passkeys/<int:pk>/remove/",
        webauthn.remove_webauthn,
        name="mfa_remove_webauthn",
    ),
    path("account/passkeys/<int:pk>/name/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path("account/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"
    ),
    path("lock/", pages.lock, name="lock"),
    path("locked/", pages.locked, name="locked"),
    path("leave/", pages.leave, name="leave"),
    path("panic/", pages.panic, name="panic"),
    path("blank/", pages.blank, name="blank"),
]
