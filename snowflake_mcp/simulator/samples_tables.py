"""Tables and views of the sample data, in Snowflake's SQL."""

from typing import Final

__all__ = ["OBJECTS"]

OBJECTS: Final = (
    "CREATE DATABASE DEMO COMMENT = 'Demo data of a fictitious retail and subscription business'",
    "CREATE SCHEMA DEMO.SALES COMMENT = 'Customers and what they ordered'",
    "CREATE SCHEMA DEMO.PRODUCT COMMENT = 'Products, plans, subscriptions and their usage'",
    "CREATE SCHEMA DEMO.SUPPORT COMMENT = 'Service desk'",
    "CREATE SCHEMA DEMO.FINANCE COMMENT = 'Invoices, payments and exchange rates'",
    """CREATE TABLE DEMO.SALES.REGIONS (
        REGION_ID NUMBER(4,0) NOT NULL COMMENT 'Key of the region',
        NAME VARCHAR(40) NOT NULL COMMENT 'Name of the sales region',
        CURRENCY VARCHAR(3) NOT NULL COMMENT 'ISO 4217 code',
        COUNTRIES ARRAY COMMENT 'ISO 3166 codes of the countries in it',
        PRIMARY KEY (REGION_ID)
    ) COMMENT = 'Sales regions'""",
    """CREATE TABLE DEMO.SALES.CUSTOMERS (
        CUSTOMER_ID NUMBER(38,0) NOT NULL COMMENT 'Key of the customer',
        NAME VARCHAR(120) NOT NULL COMMENT 'Name of the person or company, in its own script',
        EMAIL VARCHAR(160) COMMENT 'Unknown (NULL) for about 4 % of customers',
        REGION_ID NUMBER(4,0) NOT NULL COMMENT 'Region the customer buys in',
        COUNTRY VARCHAR(2) COMMENT 'ISO 3166 code',
        CITY VARCHAR(80),
        SEGMENT VARCHAR(20) NOT NULL COMMENT 'consumer, business or enterprise',
        CREDIT_LIMIT NUMBER(12,2) COMMENT 'NULL for consumers',
        SIGNED_UP_AT TIMESTAMP_NTZ(9) NOT NULL COMMENT 'First registration, UTC',
        LAST_LOGIN_AT TIMESTAMP_TZ(9) COMMENT 'NULL if the customer never logged in',
        IS_ACTIVE BOOLEAN NOT NULL,
        PREFERENCES OBJECT COMMENT 'Language, newsletter and channel settings',
        TAGS ARRAY COMMENT 'Free labels given by account managers',
        PRIMARY KEY (CUSTOMER_ID),
        FOREIGN KEY (REGION_ID) REFERENCES DEMO.SALES.REGIONS (REGION_ID)
    ) COMMENT = 'One row for each customer'""",
    """CREATE TABLE DEMO.SALES.ORDERS (
        ORDER_ID NUMBER(38,0) NOT NULL COMMENT 'Key of the order',
        CUSTOMER_ID NUMBER(38,0) NOT NULL COMMENT 'Who ordered',
        ORDERED_AT TIMESTAMP_NTZ(9) NOT NULL COMMENT 'Time of the order, UTC',
        STATUS VARCHAR(12) NOT NULL COMMENT 'NEW, PAID, SHIPPED, DELIVERED, RETURNED or CANCELLED',
        CHANNEL VARCHAR(12) NOT NULL COMMENT 'web, app, store or partner',
        TOTAL_AMOUNT NUMBER(12,2) NOT NULL COMMENT 'Sum of the items in the currency of the region',
        DISCOUNT_RATE FLOAT COMMENT 'Between 0 and 0.3; NULL without a discount',
        SHIPPED_ON DATE COMMENT 'NULL until shipped',
        SHIP_TO OBJECT COMMENT 'Address as the customer typed it',
        PRIMARY KEY (ORDER_ID),
        FOREIGN KEY (CUSTOMER_ID) REFERENCES DEMO.SALES.CUSTOMERS (CUSTOMER_ID)
    ) COMMENT = 'One row for each order'""",
    """CREATE TABLE DEMO.SALES.ORDER_ITEMS (
        ORDER_ID NUMBER(38,0) NOT NULL COMMENT 'Order the item belongs to',
        LINE_NUMBER NUMBER(4,0) NOT NULL COMMENT 'Position on the order, from 1',
        PRODUCT_ID NUMBER(38,0) NOT NULL COMMENT 'DEMO.PRODUCT.PRODUCTS',
        QUANTITY NUMBER(6,0) NOT NULL,
        UNIT_PRICE NUMBER(10,2) NOT NULL COMMENT 'Price of one piece when ordered',
        AMOUNT NUMBER(12,2) NOT NULL COMMENT 'QUANTITY times UNIT_PRICE',
        PRIMARY KEY (ORDER_ID, LINE_NUMBER)
    ) COMMENT = 'The lines of the orders'""",
    """CREATE TABLE DEMO.PRODUCT.PRODUCTS (
        PRODUCT_ID NUMBER(38,0) NOT NULL COMMENT 'Key of the product',
        SKU VARCHAR(16) NOT NULL COMMENT 'Stock keeping unit',
        NAME VARCHAR(120) NOT NULL,
        CATEGORY VARCHAR(40) NOT NULL,
        LIST_PRICE NUMBER(10,2) NOT NULL COMMENT 'Euro, without tax',
        WEIGHT_KG FLOAT COMMENT 'NULL for what is not shipped',
        LAUNCHED_ON DATE NOT NULL,
        RETIRED_ON DATE COMMENT 'NULL while it is sold',
        ATTRIBUTES VARIANT COMMENT 'What differs from category to category',
        BARCODE BINARY COMMENT 'GTIN as packed decimal digits',
        PRIMARY KEY (PRODUCT_ID),
        UNIQUE (SKU)
    ) COMMENT = 'Everything that is or was sold'""",
    """CREATE TABLE DEMO.PRODUCT.PLANS (
        PLAN_ID NUMBER(4,0) NOT NULL,
        NAME VARCHAR(40) NOT NULL,
        MONTHLY_PRICE NUMBER(8,2) NOT NULL COMMENT 'Euro for each seat and month',
        SEATS_INCLUDED NUMBER(6,0) NOT NULL,
        FEATURES ARRAY COMMENT 'Features by their internal names',
        PRIMARY KEY (PLAN_ID)
    ) COMMENT = 'Plans of the subscription business'""",
    """CREATE TABLE DEMO.PRODUCT.SUBSCRIPTIONS (
        SUBSCRIPTION_ID NUMBER(38,0) NOT NULL,
        CUSTOMER_ID NUMBER(38,0) NOT NULL COMMENT 'DEMO.SALES.CUSTOMERS',
        PLAN_ID NUMBER(4,0) NOT NULL,
        SEATS NUMBER(6,0) NOT NULL,
        STARTED_ON DATE NOT NULL,
        ENDED_ON DATE COMMENT 'NULL while it runs',
        MONTHLY_AMOUNT NUMBER(12,2) NOT NULL COMMENT 'Recurring revenue of a month, Euro',
        CANCEL_REASON VARCHAR(80) COMMENT 'As the customer gave it',
        PRIMARY KEY (SUBSCRIPTION_ID),
        FOREIGN KEY (PLAN_ID) REFERENCES DEMO.PRODUCT.PLANS (PLAN_ID)
    ) COMMENT = 'Subscriptions, running and ended'""",
    """CREATE TABLE DEMO.PRODUCT.EVENTS (
        EVENT_ID NUMBER(38,0) NOT NULL COMMENT 'Rises with time',
        OCCURRED_AT TIMESTAMP_NTZ(9) NOT NULL COMMENT 'UTC',
        CUSTOMER_ID NUMBER(38,0) COMMENT 'NULL for visitors who were not logged in',
        EVENT_TYPE VARCHAR(24) NOT NULL COMMENT 'page_view, search, login, ...',
        DURATION_MS NUMBER(10,0) COMMENT 'NULL where nothing is measured',
        SESSION_KEY VARCHAR(16) NOT NULL,
        PAYLOAD VARIANT COMMENT 'What the application sent along'
    ) COMMENT = 'Clickstream: the large table of the demo, 250,000 rows'""",
    """CREATE TABLE DEMO.SUPPORT.AGENTS (
        AGENT_ID NUMBER(6,0) NOT NULL,
        NAME VARCHAR(80) NOT NULL,
        TEAM VARCHAR(20) NOT NULL,
        LANGUAGES ARRAY NOT NULL,
        HIRED_ON DATE NOT NULL,
        SHIFT_STARTS TIME NOT NULL COMMENT 'UTC',
        PRIMARY KEY (AGENT_ID)
    ) COMMENT = 'People of the service desk'""",
    """CREATE TABLE DEMO.SUPPORT.TICKETS (
        TICKET_ID NUMBER(38,0) NOT NULL,
        CUSTOMER_ID NUMBER(38,0) NOT NULL COMMENT 'DEMO.SALES.CUSTOMERS',
        AGENT_ID NUMBER(6,0) COMMENT 'NULL until assigned',
        OPENED_AT TIMESTAMP_NTZ(9) NOT NULL,
        CLOSED_AT TIMESTAMP_NTZ(9) COMMENT 'NULL while open',
        PRIORITY VARCHAR(8) NOT NULL COMMENT 'low, normal, high or urgent',
        SUBJECT VARCHAR(200) NOT NULL,
        SATISFACTION NUMBER(1,0) COMMENT '1 to 5; NULL when not rated',
        PRIMARY KEY (TICKET_ID),
        FOREIGN KEY (AGENT_ID) REFERENCES DEMO.SUPPORT.AGENTS (AGENT_ID)
    ) COMMENT = 'Requests of customers'""",
    """CREATE TABLE DEMO.FINANCE.INVOICES (
        INVOICE_ID NUMBER(38,0) NOT NULL,
        CUSTOMER_ID NUMBER(38,0) NOT NULL COMMENT 'DEMO.SALES.CUSTOMERS',
        INVOICED_ON DATE NOT NULL,
        DUE_ON DATE NOT NULL,
        NET_AMOUNT NUMBER(12,2) NOT NULL,
        TAX_RATE NUMBER(4,3) NOT NULL,
        GROSS_AMOUNT NUMBER(14,4) NOT NULL COMMENT 'NET_AMOUNT and tax',
        CURRENCY VARCHAR(3) NOT NULL,
        PRIMARY KEY (INVOICE_ID)
    ) COMMENT = 'Invoices to customers'""",
    """CREATE TABLE DEMO.FINANCE.PAYMENTS (
        PAYMENT_ID NUMBER(38,0) NOT NULL,
        INVOICE_ID NUMBER(38,0) NOT NULL,
        PAID_ON DATE NOT NULL,
        AMOUNT NUMBER(14,4) NOT NULL,
        METHOD VARCHAR(16) NOT NULL COMMENT 'card, transfer, direct_debit or wallet',
        PRIMARY KEY (PAYMENT_ID),
        FOREIGN KEY (INVOICE_ID) REFERENCES DEMO.FINANCE.INVOICES (INVOICE_ID)
    ) COMMENT = 'What was paid on invoices'""",
    """CREATE TABLE DEMO.FINANCE.EXCHANGE_RATES (
        RATE_DATE DATE NOT NULL,
        CURRENCY VARCHAR(3) NOT NULL,
        EUR_RATE NUMBER(18,8) NOT NULL COMMENT 'Euro for one unit of the currency',
        PRIMARY KEY (RATE_DATE, CURRENCY)
    ) COMMENT = 'Exchange rates of each month'""",
    """CREATE VIEW DEMO.SALES.MONTHLY_REVENUE
        COMMENT = 'Revenue by month and region, without cancelled and returned orders' AS
    SELECT DATE_TRUNC('MONTH', o.ORDERED_AT)::DATE AS REVENUE_MONTH, r.NAME AS REGION,
        r.CURRENCY, COUNT(*) AS ORDERS, SUM(o.TOTAL_AMOUNT) AS REVENUE
    FROM DEMO.SALES.ORDERS AS o
    JOIN DEMO.SALES.CUSTOMERS AS c ON c.CUSTOMER_ID = o.CUSTOMER_ID
    JOIN DEMO.SALES.REGIONS AS r ON r.REGION_ID = c.REGION_ID
    WHERE NOT o.STATUS IN ('CANCELLED', 'RETURNED')
    GROUP BY 1, 2, 3""",
    """CREATE VIEW DEMO.SALES.CUSTOMER_VALUE
        COMMENT = 'What each customer has bought so far' AS
    SELECT c.CUSTOMER_ID, c.NAME, c.SEGMENT, c.COUNTRY, COUNT(o.ORDER_ID) AS ORDERS,
        COALESCE(SUM(o.TOTAL_AMOUNT), 0) AS LIFETIME_VALUE, MAX(o.ORDERED_AT) AS LAST_ORDER_AT
    FROM DEMO.SALES.CUSTOMERS AS c
    LEFT JOIN DEMO.SALES.ORDERS AS o ON o.CUSTOMER_ID = c.CUSTOMER_ID
    GROUP BY 1, 2, 3, 4""",
    """CREATE VIEW DEMO.PRODUCT.RECURRING_REVENUE
        COMMENT = 'Running subscriptions and monthly recurring revenue by plan' AS
    SELECT p.NAME AS PLAN, COUNT(*) AS SUBSCRIPTIONS, SUM(s.SEATS) AS SEATS,
        SUM(s.MONTHLY_AMOUNT) AS MONTHLY_RECURRING_REVENUE
    FROM DEMO.PRODUCT.SUBSCRIPTIONS AS s
    JOIN DEMO.PRODUCT.PLANS AS p ON p.PLAN_ID = s.PLAN_ID
    WHERE s.ENDED_ON IS NULL
    GROUP BY 1""",
    """CREATE VIEW DEMO.SUPPORT.OPEN_TICKETS
        COMMENT = 'Tickets that wait for an answer, with the names of agent and customer' AS
    SELECT t.TICKET_ID, t.PRIORITY, t.SUBJECT, t.OPENED_AT, c.NAME AS CUSTOMER, a.NAME AS AGENT
    FROM DEMO.SUPPORT.TICKETS AS t
    JOIN DEMO.SALES.CUSTOMERS AS c ON c.CUSTOMER_ID = t.CUSTOMER_ID
    LEFT JOIN DEMO.SUPPORT.AGENTS AS a ON a.AGENT_ID = t.AGENT_ID
    WHERE t.CLOSED_AT IS NULL""",
    """CREATE VIEW DEMO.FINANCE.RECEIVABLES
        COMMENT = 'Invoices that are not fully paid' AS
    SELECT i.INVOICE_ID, i.CUSTOMER_ID, i.DUE_ON, i.CURRENCY,
        i.GROSS_AMOUNT - COALESCE(SUM(p.AMOUNT), 0) AS OPEN_AMOUNT
    FROM DEMO.FINANCE.INVOICES AS i
    LEFT JOIN DEMO.FINANCE.PAYMENTS AS p ON p.INVOICE_ID = i.INVOICE_ID
    GROUP BY i.INVOICE_ID, i.CUSTOMER_ID, i.DUE_ON, i.CURRENCY, i.GROSS_AMOUNT
    HAVING i.GROSS_AMOUNT - COALESCE(SUM(p.AMOUNT), 0) > 0""",
    "CREATE DATABASE MARKETING COMMENT = 'Campaigns and leads'",
    "CREATE SCHEMA MARKETING.CAMPAIGNS COMMENT = 'Campaigns and the leads they brought'",
    """CREATE TABLE MARKETING.CAMPAIGNS.CAMPAIGNS (
        CAMPAIGN_ID NUMBER(38,0) NOT NULL,
        NAME VARCHAR(80) NOT NULL,
        CHANNEL VARCHAR(16) NOT NULL,
        BUDGET NUMBER(12,2) COMMENT 'Euro; NULL when not yet approved',
        STARTS_ON DATE NOT NULL,
        ENDS_ON DATE,
        AUDIENCE OBJECT COMMENT 'Whom it addresses',
        PRIMARY KEY (CAMPAIGN_ID)
    ) COMMENT = 'Campaigns of the marketing department'""",
    """CREATE TABLE MARKETING.CAMPAIGNS.LEADS (
        LEAD_ID NUMBER(38,0) NOT NULL,
        CAMPAIGN_ID NUMBER(38,0) NOT NULL,
        CAPTURED_AT TIMESTAMP_NTZ(9) NOT NULL,
        SCORE FLOAT COMMENT '0 to 1; NULL until scored',
        CUSTOMER_ID NUMBER(38,0) COMMENT 'DEMO.SALES.CUSTOMERS, once the lead has bought',
        PRIMARY KEY (LEAD_ID),
        FOREIGN KEY (CAMPAIGN_ID) REFERENCES MARKETING.CAMPAIGNS.CAMPAIGNS (CAMPAIGN_ID)
    ) COMMENT = 'People who answered a campaign'""",
    """CREATE VIEW MARKETING.CAMPAIGNS.CAMPAIGN_RESULTS
        COMMENT = 'Leads and conversions by campaign' AS
    SELECT c.CAMPAIGN_ID, c.NAME, c.CHANNEL, COUNT(l.LEAD_ID) AS LEADS,
        COUNT(l.CUSTOMER_ID) AS CONVERSIONS, AVG(l.SCORE) AS AVERAGE_SCORE
    FROM MARKETING.CAMPAIGNS.CAMPAIGNS AS c
    LEFT JOIN MARKETING.CAMPAIGNS.LEADS AS l ON l.CAMPAIGN_ID = c.CAMPAIGN_ID
    GROUP BY 1, 2, 3""",
)
"""In the order in which they can be made."""
