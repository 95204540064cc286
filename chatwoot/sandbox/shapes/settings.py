"""Shapes of account settings: inboxes, agents, teams, labels, definitions, hooks, bots, macros."""

from __future__ import annotations

from typing import Any

from ..site import ACCOUNT_ID, Site
from ..store import Row
from ..times import iso
from .push import CHANNELS

WIDGET_ONLY = ("widget_color", "website_url", "welcome_title", "welcome_tagline", "reply_time")
COMMON = (
    "greeting_enabled",
    "greeting_message",
    "working_hours_enabled",
    "enable_email_collect",
    "csat_survey_enabled",
    "csat_config",
    "enable_auto_assignment",
    "auto_assignment_config",
    "out_of_office_message",
    "working_hours",
    "timezone",
    "allow_messages_after_resolved",
    "lock_to_single_conversation",
    "sender_name_type",
    "business_name",
)
SCRIPT = """
    <script>
      (function(d,t) {{
        var BASE_URL="{base}";
        var g=d.createElement(t),s=d.getElementsByTagName(t)[0];
        g.src=BASE_URL+"/packs/js/sdk.js";
        g.async = true;
        s.parentNode.insertBefore(g,s);
        g.onload=function(){{
          window.chatwootSDK.run({{
            websiteToken: '{token}',
            baseUrl: BASE_URL
          }})
        }}
      }})(document,"script");
    </script>
    """


def slim_inbox(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "avatar_url": "",
        "channel_id": row["id"],
        "name": row["name"],
        "channel_type": CHANNELS[row["channel"]],
        "provider": None,
    }


def _common(site: Site, row: Row) -> dict[str, Any]:
    shape = {key: row[key] for key in COMMON}
    if not site.version.has("csat_config"):
        del shape["csat_config"]
    return shape


def raw_inbox(site: Site, row: Row) -> dict[str, Any]:
    """The database row that contact creation answers (api.md 2.3)."""
    common = _common(site, row)
    del common["working_hours"]
    return {
        "id": row["id"],
        "channel_id": row["id"],
        "account_id": ACCOUNT_ID,
        "name": row["name"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
        "channel_type": CHANNELS[row["channel"]],
        "email_address": None,
        "portal_id": None,
        **common,
    }


def inbox(site: Site, row: Row, *, admin: bool) -> dict[str, Any]:
    """api.md 5.1; hmac_token and secret only for administrators."""
    widget = row["channel"] == "web_widget"
    shape = {
        **slim_inbox(row),
        **_common(site, row),
        "callback_webhook_url": None,
        **{key: row[key] if widget else None for key in WIDGET_ONLY},
        "hmac_mandatory": row["hmac_mandatory"],
        "web_widget_script": (
            SCRIPT.format(base=site.public_url, token=row["website_token"]) if widget else None
        ),
        "website_token": row["website_token"] if widget else None,
        "selected_feature_flags": row["selected_feature_flags"] if widget else None,
        "messaging_service_sid": None,
        "phone_number": None,
    }
    if site.version.has("allowed_domains"):
        shape["allowed_domains"] = row["allowed_domains"] if widget else None
    if admin:
        shape["hmac_token"] = row["hmac_token"]
    # Of WhatsApp inboxes: their number, and the templates that were approved for it.
    shape |= row.get("telephone", {})
    if widget:
        for key in ("pre_chat_form_enabled", "pre_chat_form_options", "continuity_via_email"):
            shape[key] = row[key]
    else:
        shape["webhook_url"] = row["webhook_url"]
        shape["inbox_identifier"] = row["inbox_identifier"]
        shape["additional_attributes"] = row["additional_attributes"]
        if admin and site.version.has("all_hook_signatures"):
            shape["secret"] = row["secret"]
    return shape


def agent(site: Site, row: Row) -> dict[str, Any]:
    shape = {
        "id": row["id"],
        "account_id": ACCOUNT_ID,
        "availability_status": row["availability"],
        "auto_offline": row["auto_offline"],
        "confirmed": row["confirmed"],
        "email": row["email"],
        "available_name": row["name"],
        "name": row["name"],
        "role": row["role"],
        "thumbnail": "",
    }
    if site.version.has("agent_provider"):
        shape |= {"provider": "email", "custom_role_id": None}
    return shape


def profile(site: Site, row: Row) -> dict[str, Any]:
    account = {
        "id": ACCOUNT_ID,
        "name": site.account["name"],
        "status": "active",
        "active_at": None,
        "role": row["role"],
        "permissions": [row["role"]],
        "availability": row["availability"],
        "availability_status": row["availability"],
        "auto_offline": row["auto_offline"],
    }
    if site.version.has("agent_provider"):
        account |= {"onboarding_step": None, "custom_role_id": None, "custom_role": None}
    return {
        "access_token": row["access_token"],
        "account_id": ACCOUNT_ID,
        "available_name": row["name"],
        "avatar_url": "",
        "confirmed": row["confirmed"],
        "display_name": None,
        "message_signature": None,
        "email": row["email"],
        "id": row["id"],
        "inviter_id": None,
        "name": row["name"],
        "provider": "email",
        "pubsub_token": row["pubsub_token"],
        "role": row["role"],
        "ui_settings": {},
        "uid": row["email"],
        "type": None,
        "accounts": [account],
    }


def team(row: Row, *, member: bool) -> dict[str, Any]:
    keys = ("id", "name", "description", "allow_auto_assign")
    return {**{k: row[k] for k in keys}, "account_id": ACCOUNT_ID, "is_member": member}


def raw_team(row: Row) -> dict[str, Any]:
    """The database row that an assignment answers."""
    shape = team(row, member=False)
    del shape["is_member"]
    return {**shape, "created_at": iso(row["created_at"]), "updated_at": iso(row["updated_at"])}


def label(row: Row) -> dict[str, Any]:
    return {k: row[k] for k in ("id", "title", "description", "color", "show_on_sidebar")}


def canned(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "account_id": ACCOUNT_ID,
        "short_code": row["short_code"],
        "content": row["content"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def definition(row: Row) -> dict[str, Any]:
    dates = {"created_at": iso(row["created_at"]), "updated_at": iso(row["updated_at"])}
    return {**row, "default_value": None, **dates}


def dashboard_app(row: Row) -> dict[str, Any]:
    created_at = iso(row["created_at"])
    return {k: row[k] for k in ("id", "title", "content")} | {"created_at": created_at}


def webhook(site: Site, row: Row) -> dict[str, Any]:
    shape = {k: row[k] for k in ("id", "url", "subscriptions")} | {"account_id": ACCOUNT_ID}
    if site.version.has("account_hook_signature"):
        shape |= {"name": row["name"], "secret": row["secret"]}
    if inbox_row := site.store.get("inbox", row["inbox_id"]):
        shape["inbox"] = {"id": inbox_row["id"], "name": inbox_row["name"]}
    return shape


def bot(site: Site, row: Row, *, admin: bool) -> dict[str, Any]:
    keys = ("id", "name", "description", "outgoing_url", "bot_type", "bot_config", "access_token")
    shape = {k: row[k] for k in keys} | {"account_id": ACCOUNT_ID}
    if site.version.has("all_hook_signatures"):
        shape |= {"thumbnail": "", "system_bot": False}
        if admin:
            shape["secret"] = row["secret"]
    return shape


def macro(site: Site, row: Row) -> dict[str, Any]:
    by = agent(site, site.find("agent", row["created_by_id"]))
    shape = {k: row[k] for k in ("id", "name", "visibility", "actions")}
    return {**shape, "account_id": ACCOUNT_ID, "created_by": by, "updated_by": by}
